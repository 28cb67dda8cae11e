//! What a centre declares when it submits: texts as data, each with its version and hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::evidence::Sha256Digest;

const SOURCES: [&str; 3] = [
    include_str!("../../config/declarations/1_authentication.toml"),
    include_str!("../../config/declarations/2_standardisation.toml"),
    include_str!("../../config/declarations/3_use_of_work.toml"),
];

/// A text that must be agreed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    pub id: String,
    /// Raised with every change of the text.
    pub version: u32,
    pub title: String,
    pub text: String,
}

/// A declaration that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum DeclarationError {
    #[error("a declaration cannot be read")]
    Toml(#[from] toml::de::Error),
    #[error("the declaration {0:?} is there twice, or is empty")]
    Unusable(String),
}

impl Declaration {
    /// SHA-256 of the text, as it was shown.
    pub fn text_sha256(&self) -> Sha256Digest {
        Sha256Digest(Sha256::digest(self.text.as_bytes()).into())
    }
}

/// The declarations compiled in, in the order they are asked for.
pub fn built_in() -> Result<Vec<Declaration>, DeclarationError> {
    let mut list: Vec<Declaration> = Vec::with_capacity(SOURCES.len());
    for source in SOURCES {
        let mut read: Declaration = toml::from_str(source)?;
        read.text = read.text.trim().to_owned();
        if read.id.is_empty() || read.text.is_empty() || list.iter().any(|known| known.id == read.id) {
            return Err(DeclarationError::Unusable(read.id));
        }
        list.push(read);
    }
    Ok(list)
}

/// A declaration as the person answered it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub id: String,
    pub version: u32,
    pub accepted: bool,
}

/// Why the answers do not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDeclared {
    #[error("the declaration {0:?} is not ticked")]
    Unticked(String),
    #[error("the declaration {id:?} is at version {version} now; read it again")]
    Changed { id: String, version: u32 },
    #[error("there is no declaration {0:?}")]
    Unknown(String),
}

/// Whether every declaration is answered with yes, in the version that stands. `ticked`: answers given before.
pub fn settled(declarations: &[Declaration], ticked: &[Answer], given: &[Answer]) -> Result<(), NotDeclared> {
    if let Some(stray) = given.iter().find(|answer| !declarations.iter().any(|known| known.id == answer.id)) {
        return Err(NotDeclared::Unknown(stray.id.clone()));
    }
    for declaration in declarations {
        let (id, version) = (&declaration.id, declaration.version);
        let mut answers = given.iter().filter(|answer| answer.id == *id).peekable();
        let before =
            ticked.iter().any(|answer| answer.id == *id && answer.version == version && answer.accepted);
        if answers.peek().is_none() && !before {
            return Err(NotDeclared::Unticked(id.clone()));
        }
        for answer in answers {
            if answer.version != version {
                return Err(NotDeclared::Changed { id: id.clone(), version });
            }
            if !answer.accepted {
                return Err(NotDeclared::Unticked(id.clone()));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_declarations_are_built_in_with_their_hashes() {
        let list = built_in().unwrap();
        assert_eq!(
            list.iter().map(|d| d.id.as_str()).collect::<Vec<_>>(),
            ["authentication", "standardisation", "use_of_work"]
        );
        assert!(list.iter().all(|d| !d.text.contains('\n') && d.version == 1));
        assert_ne!(list[0].text_sha256(), list[1].text_sha256());
    }

    #[test]
    fn one_unticked_outdated_or_unknown_declaration_is_refused() {
        let list = built_in().unwrap();
        let answer = |id: &str, version, accepted| Answer { id: id.into(), version, accepted };
        let mut given: Vec<_> = list.iter().map(|d| answer(&d.id, 1, true)).collect();
        assert_eq!(settled(&list, &[], &given), Ok(()));
        assert_eq!(settled(&list, &given, &[]), Ok(()));
        let last = given.pop().unwrap();
        assert_eq!(settled(&list, &[], &given), Err(NotDeclared::Unticked("use_of_work".into())));
        given.push(answer("use_of_work", 1, false));
        assert_eq!(settled(&list, &[last], &given), Err(NotDeclared::Unticked("use_of_work".into())));
        given[2] = answer("use_of_work", 2, true);
        assert_eq!(
            settled(&list, &[], &given),
            Err(NotDeclared::Changed { id: "use_of_work".into(), version: 1 })
        );
        given[2] = answer("other", 1, true);
        assert_eq!(settled(&list, &[], &given), Err(NotDeclared::Unknown("other".into())));
    }
}
