//! Integer arrays: the algebra on 64-byte masks, and decoding of records.

/// Which of 64 bytes are what, one bit each, the first byte's lowest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NumberBytes {
    pub(super) digit: u64,
    pub(super) zero: u64,
    pub(super) comma: u64,
    pub(super) space: u64,
}

/// Result of counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Numbers that end within the text (before `stop`, if there is one).
    pub numbers: u64,
    /// Offset of the first byte that is no digit, comma or white space.
    pub stop: Option<usize>,
}

/// Where a kernel stopped: the offset of the first byte that cannot stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// Offset in the text.
    pub at: usize,
}

/// The lowest `len` bits, 1 to 64.
#[inline(always)]
pub(super) fn low_bits(len: u32) -> u64 {
    u64::MAX >> (64 - len)
}

/// At each bit, the parity of the bits up to and including it.
#[inline(always)]
pub(super) fn prefix_parity(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ (bits << 32)
}

/// Counts number ends, block by block.
pub(super) struct Counter {
    digit_before: u64,
    count: Count,
}

impl Counter {
    pub(super) fn new(digit_before: bool) -> Self {
        Self { digit_before: u64::from(digit_before), count: Count::default() }
    }

    /// Takes in a block of `len` bytes at offset `at`; false at the first byte that is no part of an integer array.
    #[inline(always)]
    pub(super) fn step(&mut self, bytes: NumberBytes, at: usize, len: u32) -> bool {
        let valid = low_bits(len);
        let after = !bytes.digit & (bytes.digit << 1 | self.digit_before) & valid;
        let other = !(bytes.digit | bytes.comma | bytes.space) & valid;
        if other != 0 {
            let stop = other.trailing_zeros();
            // A number that the stop itself ends has ended.
            self.count.numbers += u64::from((after & low_bits(stop + 1)).count_ones());
            self.count.stop = Some(at + stop as usize);
            return false;
        }
        self.count.numbers += u64::from(after.count_ones());
        self.digit_before = bytes.digit >> (len - 1) & 1;
        true
    }

    pub(super) fn finish(self) -> Count {
        self.count
    }
}

/// What the text so far means for the text that follows.
///
/// In an integer array numbers and commas take turns. Their bits never coincide when a number is marked at its first digit, so
/// the parity of all marks up to a mark says whose turn it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NumberState {
    /// 1 if the last byte is a digit.
    digit_before: u64,
    /// All ones if the last mark is a number, which a comma must follow.
    number_before: u64,
    /// 1 if the last byte is a zero that begins a number: no digit may follow.
    zero_before: u64,
    /// 1 if the last byte is white space right behind a number.
    space_before: u64,
}

impl NumberState {
    /// Behind `[`: a number is to follow.
    pub const START: Self = Self { digit_before: 0, number_before: 0, zero_before: 0, space_before: 0 };

    /// The state behind `text`, which is the end of an array read so far (`from` its beginning or any number's), so that reading
    /// can begin in its middle. Looks back no further than the last number's first digit.
    #[must_use]
    pub fn behind(text: &[u8]) -> Self {
        let digits = text.iter().rev().take_while(|b| b.is_ascii_digit()).count();
        if digits > 0 {
            let zero = digits == 1 && text.last() == Some(&b'0');
            return Self { digit_before: 1, number_before: u64::MAX, zero_before: u64::from(zero), space_before: 0 };
        }
        let mark = text.iter().rev().find(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t'));
        let number_before = if mark.is_some_and(u8::is_ascii_digit) { u64::MAX } else { 0 };
        let space_before = matches!(text, [.., b'0'..=b'9', b' ' | b'\n' | b'\r' | b'\t']);
        Self { digit_before: 0, number_before, zero_before: 0, space_before: u64::from(space_before) }
    }

    /// Whether a number has been read that a comma or the end of the array may follow.
    #[must_use]
    pub fn number_before(&self) -> bool {
        self.number_before != 0
    }

    /// Whether the last byte is a digit, so that the number may go on.
    #[must_use]
    pub fn in_number(&self) -> bool {
        self.digit_before == 1
    }

    /// Takes in a block of `len` bytes. Returns a bit behind each number (at the first byte after it), and the offset of the
    /// first byte that cannot stand where it is.
    #[inline(always)]
    pub(super) fn step(&mut self, bytes: NumberBytes, len: u32) -> (u64, Option<usize>) {
        let valid = low_bits(len);
        let digit_before = bytes.digit << 1 | self.digit_before;
        let after = !bytes.digit & digit_before & valid;
        let first = bytes.digit & !digit_before;
        let first_zero = first & bytes.zero;
        let leading_zero = (first_zero << 1 | self.zero_before) & bytes.digit;
        let other = !(bytes.digit | bytes.comma | bytes.space);
        // As V8 writes it: a comma right behind each number, or behind one byte of white space. Then they take turns. A comma
        // that was due before the block is not looked for here.
        let comma_due = (after & !bytes.space) | (after & bytes.space) << 1 | self.space_before;
        let overdue = self.number_before & !(self.digit_before | self.space_before).wrapping_neg();
        let regular = ((comma_due ^ bytes.comma) | leading_zero | other) & valid == 0 && overdue == 0;
        self.digit_before = bytes.digit >> (len - 1) & 1;
        self.zero_before = first_zero >> (len - 1) & 1;
        self.space_before = (after & bytes.space) >> (len - 1) & 1;
        if regular {
            let last_is_number = if first > bytes.comma { u64::MAX } else { 0 };
            self.number_before = if first | bytes.comma == 0 { self.number_before } else { last_is_number };
            return (after, None);
        }
        self.irregular(bytes, first, leading_zero | other, after, len)
    }

    /// Takes in a block that may hold white space anywhere, or a mistake: all marks are looked at by their parity.
    #[cold]
    fn irregular(&mut self, bytes: NumberBytes, first: u64, wrong: u64, after: u64, len: u32) -> (u64, Option<usize>) {
        let valid = low_bits(len);
        let number_last = prefix_parity(first | bytes.comma) ^ self.number_before;
        let out_of_turn = (first & !number_last) | (bytes.comma & number_last);
        let bad = (wrong | out_of_turn) & valid;
        if bad == 0 {
            self.number_before = (number_last >> (len - 1) & 1).wrapping_neg();
            return (after, None);
        }
        let stop = bad.trailing_zeros();
        let before = low_bits(stop + 1) >> 1;
        self.digit_before = 0;
        self.zero_before = 0;
        self.space_before = 0;
        self.number_before = match (first | bytes.comma) & before {
            0 => self.carried(number_last, first, bytes.comma),
            marks => (first >> (63 - marks.leading_zeros()) & 1).wrapping_neg(),
        };
        (after & low_bits(stop + 1), Some(stop as usize))
    }

    /// Whose turn the block began with: the parity at its first bit, less that bit's own mark.
    #[inline]
    fn carried(&self, number_last: u64, first: u64, comma: u64) -> u64 {
        ((number_last ^ first ^ comma) & 1).wrapping_neg()
    }
}

/// Where the wanted fields stand in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Numbers in a record.
    pub fields: usize,
    /// Position of the node type.
    pub kind: usize,
    /// Position of the name's string index.
    pub name: usize,
    /// Position of the object id.
    pub id: usize,
    /// Position of the self size.
    pub self_size: usize,
    /// Position of the detachedness, or of any other field where the file has none.
    pub detachedness: usize,
    /// Position of the trace node's id, if it is to be read.
    pub trace: Option<usize>,
    /// Position of the number of edges, if it is to be read.
    pub edge_count: Option<usize>,
}

impl Layout {
    /// The same with the positions of V8 in records of so many fields: the first ones, and the detachedness last.
    #[inline(always)]
    pub(super) fn of_v8(&self, fields: usize) -> Self {
        Self { fields, kind: 0, name: 1, id: 2, self_size: 3, detachedness: fields - 1, ..*self }
    }

    /// The number of fields, if they stand where V8 writes them.
    pub(super) fn v8_fields(&self) -> Option<usize> {
        (self.fields > 0 && *self == self.of_v8(self.fields)).then_some(self.fields)
    }

    /// The positions that decoding reads.
    #[must_use]
    pub fn positions(&self) -> [usize; 7] {
        let [trace, edge_count] = [self.trace, self.edge_count].map(|field| field.unwrap_or(self.kind));
        [self.kind, self.name, self.id, self.self_size, self.detachedness, trace, edge_count]
    }
}

/// What stands for every detachedness that is not known.
pub(super) const DETACHEDNESS_MAX: u8 = 3;

/// Decoded fields of consecutive records, a column each. Numbers past 2^64 - 1 make `overflow` true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Records {
    /// Node types.
    pub kind: Vec<u32>,
    /// String indexes of the names.
    pub name: Vec<u32>,
    /// Object ids.
    pub id: Vec<u64>,
    /// Self sizes in bytes.
    pub self_size: Vec<u64>,
    /// The field at [`Layout::detachedness`]; 3 where it is more.
    pub detachedness: Vec<u8>,
    /// Ids of trace nodes; empty where [`Layout::trace`] does not ask for them.
    pub trace: Vec<u32>,
    /// Numbers of edges; empty where [`Layout::edge_count`] does not ask for them.
    pub edge_count: Vec<u32>,
    /// A field did not fit its column; what stands for its record means nothing.
    pub overflow: bool,
}

impl Records {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.id.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.id.is_empty()
    }

    /// Removes all records.
    pub fn clear(&mut self) {
        self.kind.clear();
        self.name.clear();
        self.id.clear();
        self.self_size.clear();
        self.detachedness.clear();
        self.trace.clear();
        self.edge_count.clear();
        self.overflow = false;
    }

    /// Makes the columns `records` long; what stands in them is overwritten.
    pub(super) fn resize(&mut self, records: usize) {
        self.kind.resize(records, 0);
        self.name.resize(records, 0);
        self.id.resize(records, 0);
        self.self_size.resize(records, 0);
        self.detachedness.resize(records, 0);
        self.overflow = false;
    }

    /// The columns, to be written one record after the other.
    #[inline(always)]
    pub(super) fn columns(&mut self, records: usize, layout: &Layout) -> Columns<'_> {
        self.resize(records);
        self.edge_count.resize(if layout.edge_count.is_some() { records } else { 0 }, 0);
        Columns {
            kind: &mut self.kind[..records],
            name: &mut self.name[..records],
            id: &mut self.id[..records],
            self_size: &mut self.self_size[..records],
            detachedness: &mut self.detachedness[..records],
            edge_count: &mut self.edge_count,
            overflow: &mut self.overflow,
        }
    }
}

/// Columns of [`Records`] that are being written, all equally long but for the number of edges, which may not be wanted.
pub(super) struct Columns<'r> {
    pub(super) kind: &'r mut [u32],
    pub(super) name: &'r mut [u32],
    pub(super) id: &'r mut [u64],
    pub(super) self_size: &'r mut [u64],
    pub(super) detachedness: &'r mut [u8],
    pub(super) edge_count: &'r mut [u32],
    overflow: &'r mut bool,
}

impl Columns<'_> {
    /// Writes a record; None stands for one with a field that does not fit.
    #[inline(always)]
    pub(super) fn set(&mut self, place: usize, record: Option<Record>) {
        let Some(record) = record else {
            *self.overflow = true;
            return;
        };
        self.kind[place] = record.kind;
        self.name[place] = record.name;
        self.id[place] = record.id;
        self.self_size[place] = record.self_size;
        self.detachedness[place] = record.detachedness;
        if let Some(edge_count) = self.edge_count.get_mut(place) {
            *edge_count = record.edge_count;
        }
    }
}

/// Where the fields of an edge stand in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeLayout {
    /// Numbers in a record.
    pub fields: usize,
    /// Position of the edge type.
    pub kind: usize,
    /// Position of the name's string index, or of the index.
    pub name_or_index: usize,
    /// Position of the target.
    pub to_node: usize,
    /// What turns targets, positions in the array of nodes, into ordinals.
    pub ordinal: Divisor,
}

impl EdgeLayout {
    /// Whether the fields stand where V8 writes them.
    pub(super) fn is_v8(&self) -> bool {
        (self.fields, self.kind, self.name_or_index, self.to_node) == (3, 0, 1, 2)
    }

    /// The positions that decoding reads.
    #[must_use]
    pub fn positions(&self) -> [usize; 3] {
        [self.kind, self.name_or_index, self.to_node]
    }
}

/// Division of what is a multiple of a small number, as a multiplication: modulo 2^32 every odd number has an inverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Divisor {
    pub(super) divisor: u32,
    /// How often 2 divides the divisor, and the inverse of what is left of it then.
    pub(super) shift: u32,
    pub(super) inverse: u32,
}

impl Divisor {
    /// Of a number larger than 0; of 0, that of 1.
    #[must_use]
    pub fn new(divisor: u32) -> Self {
        let divisor = divisor.max(1);
        let shift = divisor.trailing_zeros();
        let odd = divisor >> shift;
        // Each step of Newton's doubles the bits that are right, of which there are three in the beginning.
        let inverse = (0..4).fold(odd, |inverse: u32, _| inverse.wrapping_mul(2_u32.wrapping_sub(odd.wrapping_mul(inverse))));
        Self { divisor, shift, inverse }
    }

    /// The quotient, if the number is a multiple of the divisor and the quotient is below 2^32.
    #[inline]
    #[must_use]
    pub fn exact(self, number: u64) -> Option<u32> {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half decides: the other is looked at below")]
        let quotient = ((number >> self.shift) as u32).wrapping_mul(self.inverse);
        (u64::from(quotient) * u64::from(self.divisor) == number).then_some(quotient)
    }
}

/// Decoded fields of consecutive edges, a column each. Numbers that do not fit their column make `overflow` true.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edges {
    /// Edge types.
    pub kind: Vec<u8>,
    /// String indexes of the names, or indexes.
    pub name_or_index: Vec<u32>,
    /// Ordinals of the targets.
    pub to_node: Vec<u32>,
    /// A field did not fit its column, or a target is not where a node begins; what stands for its edge means nothing.
    pub overflow: bool,
}

impl Edges {
    /// Number of edges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.to_node.len()
    }

    /// True if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.to_node.is_empty()
    }

    /// Makes the columns `edges` long; what stands in them is overwritten.
    pub(super) fn resize(&mut self, edges: usize) {
        self.kind.resize(edges, 0);
        self.name_or_index.resize(edges, 0);
        self.to_node.resize(edges, 0);
        self.overflow = false;
    }

    /// Writes an edge; None stands for one with a field that does not fit.
    #[inline(always)]
    pub(super) fn set(&mut self, place: usize, edge: Option<Edge>) {
        self.overflow |= edge.is_none();
        let Edge { kind, name_or_index, to_node } = edge.unwrap_or_default();
        self.kind[place] = kind;
        self.name_or_index[place] = name_or_index;
        self.to_node[place] = to_node;
    }
}

/// The fields of one edge.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Edge {
    pub(super) kind: u8,
    pub(super) name_or_index: u32,
    pub(super) to_node: u32,
}

impl Edge {
    /// Decodes an edge the exact way; None if a field does not fit.
    #[cold]
    #[inline(never)]
    pub(super) fn exact(text: &[u8], ends: &[u32], layout: &EdgeLayout) -> Option<Self> {
        let field = |position: usize| exact(text, ends[position] as usize);
        Some(Self {
            kind: u8::try_from(field(layout.kind)?).ok()?,
            name_or_index: u32::try_from(field(layout.name_or_index)?).ok()?,
            to_node: layout.ordinal.exact(field(layout.to_node)?)?,
        })
    }
}

/// The fields of one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) kind: u32,
    pub(super) name: u32,
    pub(super) id: u64,
    pub(super) self_size: u64,
    pub(super) detachedness: u8,
    /// 0 if it is not wanted.
    pub(super) edge_count: u32,
}

/// The number that ends before `end`, of any length; None past 2^64 - 1.
#[inline]
#[must_use]
pub fn exact(text: &[u8], end: usize) -> Option<u64> {
    let digits = text[..end].iter().rev().take_while(|b| b.is_ascii_digit()).count();
    text[end - digits..end].iter().try_fold(0_u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')))
}

/// Decodes one record the exact way; None if a field does not fit.
#[cold]
#[inline(never)]
pub(super) fn decode_exact(text: &[u8], ends: &[u32], layout: &Layout) -> Option<Record> {
    let field = |position: usize| exact(text, ends[position] as usize);
    let small = |position: usize| field(position).and_then(|n| u32::try_from(n).ok());
    Some(Record {
        kind: small(layout.kind)?,
        name: small(layout.name)?,
        id: field(layout.id)?,
        self_size: field(layout.self_size)?,
        detachedness: u8::try_from(field(layout.detachedness)?).unwrap_or(u8::MAX).min(DETACHEDNESS_MAX),
        edge_count: layout.edge_count.map_or(Some(0), small)?,
    })
}

/// The number of up to two digits that ends the four bytes, and whether it has no more. Free of branches: types vary at random.
#[inline(always)]
pub(super) fn two_digits([_, hundreds, tens, ones]: [u8; 4]) -> (u32, bool) {
    let digit = |byte: u8| u32::from(byte.wrapping_sub(b'0'));
    let is_digit = |byte: u8| u32::from(byte.is_ascii_digit());
    (digit(ones) + digit(tens) * 10 * is_digit(tens), is_digit(tens) & is_digit(hundreds) == 0)
}

/// The number of one digit that ends the two bytes, if it has no more.
#[inline(always)]
pub(super) fn one_digit([before, digit]: [u8; 2]) -> Option<u8> {
    // A file that changes while it is read may have anything here.
    (!before.is_ascii_digit()).then_some(digit.wrapping_sub(b'0'))
}
