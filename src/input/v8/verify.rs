//! The thorough look of `heapdiff verify`: every section is parsed, and what refers to something refers to something that is
//! there.

use super::header::Header;
use crate::error::ErrorKind;
use crate::input::text::Text;
use crate::text::count;

/// What is gathered on the way, to be compared once everything has been read.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Highest string index that an edge uses as a name, and where.
    name_max: Option<(u64, u64)>,
    edges_seen: bool,
    edge_count_sum: u64,
}

/// Edge types whose second field is a number rather than a name.
const NUMBERED: [&str; 2] = ["element", "hidden"];

impl Facts {
    /// Notes the number of edges that the nodes announce.
    pub(super) fn nodes(&mut self, edge_count_sum: u64) {
        self.edge_count_sum = edge_count_sum;
    }

    /// Reads the `edges` array.
    pub(super) fn edges(&mut self, text: &mut Text<'_>, header: &Header) -> Result<(), ErrorKind> {
        let Some(fields) = &header.edge_fields else {
            return Err(text
                .inconsistent(text.offset(), "the header's meta does not describe edges (edge_fields, edge_types)".to_owned()));
        };
        let numbered: Vec<bool> = fields.kinds.iter().map(|kind| NUMBERED.contains(&kind.as_str())).collect();
        let targets = header.node_count.saturating_mul(header.layout.fields as u64);
        let (mut field, mut edges, mut kind) = (0, 0_u64, None);
        let mut problem = None;
        integers(text, |value, offset| {
            let wrong = |message: String| Some((offset, message));
            if field == fields.kind {
                kind = usize::try_from(value).ok().and_then(|kind| numbered.get(kind)).copied();
                if kind.is_none() {
                    problem = wrong(format!("edge type {value} is out of range: the header lists {}", numbered.len()));
                }
            } else if field == fields.name_or_index && kind == Some(false) {
                match u64::try_from(value) {
                    Ok(name) if self.name_max.is_none_or(|(max, _)| name > max) => self.name_max = Some((name, offset)),
                    Ok(_) => {}
                    Err(_) => problem = wrong(format!("{value} is no string index")),
                }
            } else if field == fields.to_node {
                let target = u64::try_from(value).ok().filter(|&target| target < targets);
                match target {
                    None => problem = wrong(format!("to_node {value} lies outside the nodes")),
                    Some(target) if !target.is_multiple_of(header.layout.fields as u64) => {
                        problem = wrong(format!("to_node {value} is not the beginning of a node"));
                    }
                    Some(_) => {}
                }
            }
            field += 1;
            if field == fields.fields {
                field = 0;
                edges += 1;
            }
            problem.is_none()
        })?;
        if let Some((offset, problem)) = problem {
            return Err(text.inconsistent(offset, problem));
        }
        self.edges_seen = true;
        if field != 0 {
            let problem = format!("the array ends inside a record of {} fields", fields.fields);
            return Err(text.inconsistent(text.offset(), problem));
        }
        if edges != header.edge_count {
            let problem =
                format!("{} edges, but the header announces {} (file damaged?)", count(edges), count(header.edge_count));
            return Err(text.inconsistent(text.offset(), problem));
        }
        Ok(())
    }

    /// Compares what was gathered.
    pub(super) fn finish(&self, text: &mut Text<'_>, header: &Header, strings: u64) -> Result<(), ErrorKind> {
        text.section = "edges";
        if !self.edges_seen {
            return Err(text.inconsistent(text.offset(), "the section is missing".to_owned()));
        }
        if header.edge_count_field.is_some() && self.edge_count_sum != header.edge_count {
            let problem = format!(
                "the nodes' edge_count fields add up to {}, but there are {} edges",
                count(self.edge_count_sum),
                count(header.edge_count)
            );
            return Err(text.inconsistent(text.offset(), problem));
        }
        match self.name_max {
            Some((name, offset)) if name >= strings => {
                let problem = format!("an edge's name is string {}, but the file has {} strings", count(name), count(strings));
                Err(text.inconsistent(offset, problem))
            }
            _ => Ok(()),
        }
    }
}

/// Reads an array of whole numbers, which may be negative, and calls `f` with each and its offset until it returns false.
fn integers(text: &mut Text<'_>, mut f: impl FnMut(i128, u64) -> bool) -> Result<(), ErrorKind> {
    text.expect(b'[')?;
    if text.peek_token()? == Some(b']') {
        text.consume(1);
        return Ok(());
    }
    loop {
        text.peek_token()?;
        let offset = text.offset();
        let value = integer(text)?;
        if !f(value, offset) {
            return Ok(());
        }
        match text.peek_token()? {
            Some(b',') => text.consume(1),
            Some(b']') => {
                text.consume(1);
                return Ok(());
            }
            _ => return Err(text.unexpected("\",\" or \"]\"")),
        }
    }
}

/// Most characters of a number that is looked at.
const DIGITS_MAX: usize = 39;

fn integer(text: &mut Text<'_>) -> Result<i128, ErrorKind> {
    while text.rest().len() <= DIGITS_MAX && text.fill()? {}
    let rest = text.rest();
    let negative = rest.first() == Some(&b'-');
    let digits = &rest[usize::from(negative)..];
    let length = digits.iter().take(DIGITS_MAX).take_while(|b| b.is_ascii_digit()).count();
    let well_formed = length > 0 && length < DIGITS_MAX && (length == 1 || digits[0] != b'0');
    if !well_formed || matches!(digits.get(length), Some(b'.' | b'e' | b'E')) {
        return Err(text.unexpected("a whole number"));
    }
    let value = digits[..length].iter().fold(0_i128, |value, b| value * 10 + i128::from(b - b'0'));
    text.consume(length + usize::from(negative));
    Ok(if negative { -value } else { value })
}
