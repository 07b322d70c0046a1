use super::chance::Chance;
use super::fit::{affine, homography, moved, plausible};
use super::pair::Pair;

/// How often three pairs are drawn. With one true pair in five, three true ones come up
/// once in 125: missing them all this often has a chance of one in 20,000.
const DRAWS: usize = 1_250;

/// How far a pair may miss its place, in pixels: while guessing, and in the end.
const ROUGHLY: f64 = 8.0;
const EXACTLY: f64 = 4.0;

/// How often what fits is fitted again.
const ROUNDS: usize = 6;

/// Pairs that move together.
pub(super) struct Surface {
    /// Row by row, from pixels of the one copy to those of the other.
    pub(super) matrix: [f64; 9],
    pub(super) inliers: Vec<Pair>,
    /// What moves otherwise.
    pub(super) rest: Vec<Pair>,
}

/// The movement that most pairs share.
pub(super) fn surface(pairs: &[Pair], size: (u32, u32)) -> Option<Surface> {
    let guess = guess(pairs, size)?;
    let (matrix, fits) = refined(pairs, guess, size)?;
    let (inliers, rest): (Vec<_>, Vec<_>) = pairs.iter().partition(|pair| miss(&matrix, pair) <= fits * fits);
    Some(Surface { matrix, inliers, rest })
}

fn guess(pairs: &[Pair], size: (u32, u32)) -> Option<[f64; 9]> {
    if pairs.len() < 3 {
        return None;
    }
    let mut chance = Chance::seeded();
    let mut best = None;
    let mut most = 3;
    for _ in 0..DRAWS {
        let drawn = [0; 3].map(|_| pairs[chance.below(pairs.len())]);
        let Some(matrix) = affine(&drawn).filter(|matrix| plausible(matrix, size)) else { continue };
        let fitting = pairs.iter().filter(|pair| miss(&matrix, pair) <= ROUGHLY * ROUGHLY).count();
        if fitting > most {
            (most, best) = (fitting, Some(matrix));
        }
    }
    best
}

/// Fits to all pairs that nearly fit, ever more exactly. Where perspective would be a wild
/// guess, because the pairs lie in one corner, the movement stays without.
fn refined(pairs: &[Pair], guess: [f64; 9], size: (u32, u32)) -> Option<([f64; 9], f64)> {
    let mut matrix = guess;
    for round in 0..ROUNDS {
        let fits = if round < ROUNDS / 2 { ROUGHLY } else { EXACTLY };
        let near: Vec<Pair> = pairs.iter().filter(|pair| miss(&matrix, pair) <= fits * fits).copied().collect();
        let bent = homography(&near).filter(|matrix| plausible(matrix, size));
        matrix = bent.or_else(|| affine(&near).filter(|matrix| plausible(matrix, size)))?;
    }
    Some((matrix, EXACTLY))
}

/// Square of the distance between where a pair should be and where it is.
fn miss(matrix: &[f64; 9], pair: &Pair) -> f64 {
    moved(matrix, pair.of).map_or(f64::INFINITY, |(x, y)| (x - pair.onto.0).powi(2) + (y - pair.onto.1).powi(2))
}
