use thiserror::Error;

/// A word that is not in a closed vocabulary; the sentence lists those that are.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be one of: {}", expected.join(", "))]
pub struct UnknownWord {
    pub expected: &'static [&'static str],
}

/// What every closed vocabulary offers, for code that is generic over them.
pub trait Vocabulary: Copy + std::fmt::Display + std::str::FromStr<Err = UnknownWord> + Send + Sync + 'static {
    /// The name of the vocabulary itself, such as `BookingStatus`.
    const NAME: &'static str;
    /// Every spelling, in the order of declaration.
    const WORDS: &'static [&'static str];
}

/// A closed vocabulary: an enum whose every variant has one spelling, used
/// alike in JSON, in the database and in logs, so the two cannot drift apart.
///
/// Gives `ALL`, `WORDS`, `as_str`, `Display`, `FromStr` and serde, the last of which the crate must depend on.
#[macro_export]
macro_rules! words {
    (
        $(#[$meta:meta])*
        pub enum $name:ident {
            $($(#[$variant_meta:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Every spelling, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word,)+];

            /// The spelling used in JSON and in the database.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl $crate::Vocabulary for $name {
            const NAME: &'static str = stringify!($name);
            const WORDS: &'static [&'static str] = Self::WORDS;
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::UnknownWord { expected: Self::WORDS }),
                }
            }
        }
    };
}

/// serde for a type that is text outside and checked inside: `TryFrom<String>`
/// on the way in, `as_str` on the way out.
macro_rules! checked_text {
    ($name:ident, $refused:ty) => {
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $refused;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = $refused;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.as_str().to_owned()
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::car::Category;

    #[test]
    fn a_word_reads_back_as_what_it_was_and_json_agrees() {
        for category in Category::ALL {
            assert_eq!(category.as_str().parse(), Ok(*category));
            assert_eq!(serde_json::to_value(category).unwrap(), category.to_string());
        }
    }

    #[test]
    fn an_unknown_word_is_told_the_known_ones() {
        let refused = "tank".parse::<Category>().unwrap_err();
        assert!(refused.to_string().starts_with("must be one of: economy, compact"));
    }
}
