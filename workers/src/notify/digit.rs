//! Digits as five by seven dots, because a picture is marked with numbers and a
//! worker carries no fonts.

pub(super) const WIDTH: u32 = 5;
pub(super) const HEIGHT: u32 = 7;

/// One row per byte, the leftmost dot in bit 4.
const DIGITS: [[u8; 7]; 10] = [
    [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
    [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
    [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
    [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110],
    [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
    [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
    [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
    [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
    [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
    [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
];

/// The dots of a number, from its upper left corner, one dot between digits.
pub(super) fn dots(number: usize) -> Vec<(u32, u32)> {
    let text = number.to_string();
    let mut dots = Vec::new();
    for (place, digit) in (0..).zip(text.bytes()) {
        let rows = DIGITS[usize::from(digit - b'0')];
        for (y, row) in (0..).zip(rows) {
            let set = (0..WIDTH).filter(|x| row & (0b10000 >> x) != 0);
            dots.extend(set.map(|x| (place * (WIDTH + 1) + x, y)));
        }
    }
    dots
}

/// How many dots wide a number is.
pub(super) fn width(number: usize) -> u32 {
    let digits = u32::try_from(number.to_string().len()).expect("a number has few digits");
    digits * (WIDTH + 1) - 1
}
