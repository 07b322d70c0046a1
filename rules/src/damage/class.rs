use thiserror::Error;

use crate::rental::Slot;

words! {
    /// What kind of mark. The first seven a model can see, the others only people report.
    pub enum Class {
        Dent = "dent",
        Scratch = "scratch",
        Crack = "crack",
        GlassShatter = "glass_shatter",
        LampBroken = "lamp_broken",
        TireFlat = "tire_flat",
        /// A model that does not tell what broke: lamp, glass or panel.
        Broken = "broken",
        MissingPart = "missing_part",
        Interior = "interior",
        Dirt = "dirt",
        Other = "other",
    }
}

words! {
    /// How bad, the least first. A person decides; [`Severity::suggested`] only suggests.
    pub enum Severity {
        /// Within fair wear and tear.
        Cosmetic = "cosmetic",
        Minor = "minor",
        Moderate = "moderate",
        /// Not safe to drive.
        Severe = "severe",
    }
}

words! {
    pub enum Side {
        Front = "front",
        Back = "back",
        Left = "left",
        Right = "right",
        Roof = "roof",
        Interior = "interior",
        Underbody = "underbody",
    }
}

words! {
    pub enum Panel {
        Bumper = "bumper",
        Bonnet = "bonnet",
        Boot = "boot",
        Wing = "wing",
        Door = "door",
        Sill = "sill",
        Roof = "roof",
        Mirror = "mirror",
        Glass = "glass",
        Wheel = "wheel",
        Lamp = "lamp",
        Other = "other",
    }
}

/// Of the photo's area; a larger mark is suggested to be more than minor.
/// Half of all marks in whole-car photos are smaller than 0.1 %.
const MODERATE_FROM: f64 = 0.02;
const MINOR_FROM: f64 = 0.001;

impl Class {
    /// One such mark in words, and several.
    pub fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Dent => ("dent", "dents"),
            Self::Scratch => ("scratch", "scratches"),
            Self::Crack => ("crack", "cracks"),
            Self::GlassShatter => ("shattered glass", "shattered glasses"),
            Self::LampBroken => ("broken lamp", "broken lamps"),
            Self::TireFlat => ("flat tyre", "flat tyres"),
            Self::Broken => ("broken part", "broken parts"),
            Self::MissingPart => ("missing part", "missing parts"),
            Self::Interior => ("mark in the interior", "marks in the interior"),
            Self::Dirt => ("spot of dirt", "spots of dirt"),
            Self::Other => ("other mark", "other marks"),
        }
    }

    /// As people read it.
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// Whether the car may be unsafe, so that somebody should look at once.
    pub fn is_urgent(self) -> bool {
        matches!(self, Self::GlassShatter | Self::LampBroken | Self::TireFlat | Self::Broken)
    }

    /// The panel that such a mark is always on; `None` where it may be on any.
    pub fn panel(self) -> Option<Panel> {
        match self {
            Self::GlassShatter => Some(Panel::Glass),
            Self::LampBroken => Some(Panel::Lamp),
            Self::TireFlat => Some(Panel::Wheel),
            _ => None,
        }
    }

    /// Whether the two words can mean the same mark.
    pub fn agrees(self, other: Self) -> bool {
        let may_be_broken = |class: Self| class.is_urgent() || matches!(class, Self::Crack | Self::MissingPart);
        match (self, other) {
            (Self::Broken, class) | (class, Self::Broken) => may_be_broken(class) && class != Self::TireFlat,
            (one, another) => one == another,
        }
    }
}

/// For one mark, in minor units; more is a slip of the finger.
pub const LARGEST_AMOUNT: i64 = 100_000_000;

/// Fair wear is never charged, whatever it would cost.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("cosmetic wear is never charged: leave the amount out, or choose another severity")]
pub struct WearCharged;

impl Side {
    /// Whether damage on it can be charged: only where a photo of the pick-up tells what was there before. What no
    /// slot shows can be as soon as there is any. `before`: the sides of which there is one.
    pub fn is_chargeable(self, before: &[Slot]) -> bool {
        match Slot::ALL.iter().find(|slot| Self::from(**slot) == self) {
            Some(slot) => before.contains(slot),
            None => !before.is_empty(),
        }
    }
}

impl Severity {
    /// Accepts what is asked for such a mark, in minor units.
    pub fn charge(self, amount: i64) -> Result<(), WearCharged> {
        if self == Self::Cosmetic && amount > 0 { Err(WearCharged) } else { Ok(()) }
    }

    /// What to suggest for a mark that covers `area` (0 to 1) of its photo.
    pub fn suggested(class: Class, area: f64) -> Self {
        let by_area = match area {
            area if area >= MODERATE_FROM => Self::Moderate,
            area if area >= MINOR_FROM => Self::Minor,
            _ => Self::Cosmetic,
        };
        match class {
            Class::TireFlat => Self::Severe,
            class if class.is_urgent() => by_area.max(Self::Moderate),
            Class::MissingPart => by_area.max(Self::Minor),
            Class::Dirt => Self::Cosmetic,
            _ => by_area,
        }
    }
}

impl From<Slot> for Side {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::Front => Self::Front,
            Slot::Back => Self::Back,
            Slot::Left => Self::Left,
            Slot::Right => Self::Right,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glass_lamp_and_tire_are_at_least_moderate_however_small() {
        for class in Class::ALL.iter().filter(|class| class.is_urgent()) {
            assert!(Severity::suggested(*class, 0.0) >= Severity::Moderate, "{class}");
        }
        assert_eq!(Severity::suggested(Class::Scratch, 0.0005), Severity::Cosmetic);
        assert_eq!(Severity::suggested(Class::Dent, 0.05), Severity::Moderate);
    }

    #[test]
    fn nothing_is_charged_on_a_side_of_which_the_pick_up_has_no_photo() {
        assert!(Side::Left.is_chargeable(&[Slot::Front, Slot::Left]));
        assert!(!Side::Right.is_chargeable(&[Slot::Front, Slot::Left]));
        for unseen in [Side::Roof, Side::Interior, Side::Underbody] {
            assert!(unseen.is_chargeable(&[Slot::Front]) && !unseen.is_chargeable(&[]), "{unseen}");
        }
    }

    #[test]
    fn fair_wear_costs_nothing() {
        assert_eq!(Severity::Cosmetic.charge(1), Err(WearCharged));
        assert_eq!((Severity::Cosmetic.charge(0), Severity::Minor.charge(1)), (Ok(()), Ok(())));
    }

    #[test]
    fn the_panel_is_known_where_the_class_can_be_nowhere_else() {
        assert_eq!(Class::LampBroken.panel(), Some(Panel::Lamp));
        assert_eq!(Class::GlassShatter.panel(), Some(Panel::Glass));
        assert_eq!(Class::TireFlat.panel(), Some(Panel::Wheel));
        assert_eq!(Class::Broken.panel(), None, "a lamp, glass or a panel");
        assert_eq!(Class::Scratch.panel(), None);
    }

    #[test]
    fn something_broken_may_be_the_known_broken_lamp_but_not_a_scratch() {
        assert!(Class::Broken.agrees(Class::LampBroken));
        assert!(Class::Broken.agrees(Class::Broken));
        assert!(!Class::Broken.agrees(Class::Scratch));
        assert!(!Class::Dent.agrees(Class::Scratch));
    }
}
