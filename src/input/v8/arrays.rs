//! Small sections of numbers, a token at a time.

use super::text::Text;
use crate::error::ErrorKind;

/// A token of nested arrays.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    Number(u64),
}

/// Most digits of a number below 2^64.
const DIGITS_MAX: usize = 20;

/// Nested arrays of unsigned whole numbers, a token at a time.
pub(super) struct Arrays<'t, 'i> {
    text: &'t mut Text<'i>,
    /// What the next token stands behind.
    behind: Behind,
    /// Offset of the last token.
    pub(super) at: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Behind {
    Bracket,
    Comma,
    Value,
}

impl<'t, 'i> Arrays<'t, 'i> {
    /// Reads the bracket that opens the outermost array.
    pub(super) fn begin(text: &'t mut Text<'i>) -> Result<Self, ErrorKind> {
        text.expect(b'[')?;
        Ok(Self { at: text.offset(), text, behind: Behind::Bracket })
    }

    /// The next token. Where a record is open no array may end, and only `array`, not a number, may begin if that is so.
    pub(super) fn next(&mut self, in_record: bool, array: bool) -> Result<Token, ErrorKind> {
        let mut byte = self.text.peek_token()?;
        if self.behind == Behind::Value && byte == Some(b',') {
            self.text.consume(1);
            self.behind = Behind::Comma;
            byte = self.text.peek_token()?;
        }
        self.at = self.text.offset();
        match byte {
            Some(b']') if self.behind != Behind::Comma && in_record => {
                Err(self.text.inconsistent(self.at, "the array ends inside a record".to_owned()))
            }
            Some(b']') if self.behind != Behind::Comma => {
                self.text.consume(1);
                self.behind = Behind::Value;
                Ok(Token::Close)
            }
            _ if self.behind == Behind::Value => Err(self.text.unexpected("\",\" or \"]\"")),
            Some(b'[') if array => {
                self.text.consume(1);
                self.behind = Behind::Bracket;
                Ok(Token::Open)
            }
            Some(b'0'..=b'9') if !array => self.number(),
            _ => Err(self.text.unexpected(if array { "\"[\"" } else { "an unsigned whole number" })),
        }
    }

    fn number(&mut self) -> Result<Token, ErrorKind> {
        let digits = loop {
            let digits = self.text.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
            if digits < self.text.rest().len() || digits > DIGITS_MAX || !self.text.fill()? {
                break digits;
            }
        };
        let leading_zero = digits > 1 && self.text.rest()[0] == b'0';
        let fraction = matches!(self.text.rest().get(digits), Some(b'.' | b'e' | b'E'));
        if leading_zero || fraction {
            return Err(self.text.unexpected("an unsigned whole number"));
        }
        let value = self.text.rest()[..digits]
            .iter()
            .try_fold(0_u64, |value, byte| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')))
            .ok_or_else(|| self.too_large())?;
        self.text.consume(digits);
        self.behind = Behind::Value;
        Ok(Token::Number(value))
    }

    /// The last token's value, if it is below 2^32.
    pub(super) fn small(&self, value: u64) -> Result<u32, ErrorKind> {
        u32::try_from(value).map_err(|_| self.too_large())
    }

    pub(super) fn too_large(&self) -> ErrorKind {
        self.text.inconsistent(self.at, "the number is too large".to_owned())
    }
}
