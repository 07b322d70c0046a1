words! {
    /// The four photos without which a car is not taken back (R1).
    pub enum Slot {
        Front = "front",
        Back = "back",
        Left = "left",
        Right = "right",
    }
}

words! {
    /// Which end of the rental a photo shows.
    pub enum Occasion {
        Pickup = "pickup",
        Return = "return",
    }
}

/// The slots that still lack an accepted photo, in the order they are asked for.
pub fn missing(present: &[Slot]) -> Vec<Slot> {
    Slot::ALL.iter().copied().filter(|slot| !present.contains(slot)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_missing_sides_are_named() {
        assert_eq!(missing(&[]), Slot::ALL);
        assert_eq!(missing(&[Slot::Right, Slot::Front, Slot::Front]), [Slot::Back, Slot::Left]);
        assert!(missing(Slot::ALL).is_empty());
    }
}
