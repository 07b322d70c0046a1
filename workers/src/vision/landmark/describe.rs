use super::corner::MARGIN;
use super::grey::Grey;

/// 256 answers to "is it darker here than there?" around a corner (BRIEF). Upright: photos
/// are turned as their EXIF says, and hands tilt a phone by a few degrees only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor(pub [u64; 4]);

impl Descriptor {
    /// How many answers differ, 0 to 256.
    pub fn distance(&self, other: &Self) -> u32 {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        (a ^ e).count_ones() + (b ^ f).count_ones() + (c ^ g).count_ones() + (d ^ h).count_ones()
    }
}

/// Reach of the questions around a corner, in pixels.
const REACH: i32 = MARGIN as i32 - 1;

type Question = ((i8, i8), (i8, i8));

/// Places are denser towards the corner, as sums of three chances.
const QUESTIONS: [Question; 256] = {
    let mut questions = [((0, 0), (0, 0)); 256];
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut at = 0;
    while at < questions.len() {
        let mut places = [0_i8; 4];
        let mut place = 0;
        while place < 4 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let span = (2 * REACH + 1) as u64;
            let sum = (state >> 8) % span + (state >> 24) % span + (state >> 40) % span;
            places[place] = (sum as i32 / 3 - REACH) as i8;
            place += 1;
        }
        questions[at] = ((places[0], places[1]), (places[2], places[3]));
        at += 1;
    }
    questions
};

/// `None` too near to the edge. `smooth` is without grain.
pub(super) fn describe(smooth: &Grey, x: usize, y: usize) -> Option<Descriptor> {
    let (width, height) = smooth.size();
    let inside = |at: usize, size: u32| at >= MARGIN && at + MARGIN < size as usize;
    if !inside(x, width) || !inside(y, height) {
        return None;
    }
    let at =
        |(across, down): (i8, i8)| smooth.at(x.wrapping_add_signed(across.into()), y.wrapping_add_signed(down.into()));
    let mut bits = [0; 4];
    for (number, (one, other)) in QUESTIONS.iter().enumerate() {
        bits[number / 64] |= u64::from(at(*one) < at(*other)) << (number % 64);
    }
    Some(Descriptor(bits))
}
