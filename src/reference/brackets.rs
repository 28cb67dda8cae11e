//! Brackets of a TOML text, looked at before the text is parsed.
//!
//! The parser bounds how deep brackets nest, and how long a dotted key is, each at eighty: a long key in every bracket
//! makes thousands of tables inside each other. And it goes on after an error, where brackets without partners get
//! past its bound. Both fill the stack, and that ends the process. So what is parsed has brackets that fit together,
//! and few of them inside each other.

use toml_parser::Source;
use toml_parser::lexer::TokenKind::{self, *};

/// Brackets inside each other. A list of sections in one value has three.
const DEEPEST: usize = 4;

/// What is wrong with a bracket, and where, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong {
    pub at: usize,
    pub why: &'static str,
}

const ALONE: &str = "a bracket has no partner";
const MISPLACED: &str = "a bracket cannot stand here";
const TOO_DEEP: &str = "there are more than four brackets inside each other; take some out";

/// Whether every bracket has its partner, stands where one may, and not too deep.
pub fn fit(text: &str) -> Result<(), Wrong> {
    let mut statement = Statement::default();
    for token in Source::new(text).lex() {
        let at = token.span().start();
        statement.take(token.kind()).map_err(|why| Wrong { at, why })?;
    }
    Ok(())
}

/// What has been read of one: `[section]`, or a key and its value.
#[derive(Debug, Default)]
struct Statement {
    /// Brackets that are open.
    open: Vec<TokenKind>,
    /// What came last, but for blanks, comments and ends of lines in brackets.
    last: Option<TokenKind>,
    header: bool,
}

impl Statement {
    fn take(&mut self, kind: TokenKind) -> Result<(), &'static str> {
        match kind {
            Whitespace | Comment => return Ok(()),
            Newline if self.open.is_empty() => {
                *self = Self::default();
                return Ok(());
            }
            Newline | Eof if self.header || kind == Eof => {
                return if self.open.is_empty() { Ok(()) } else { Err(ALONE) };
            }
            Newline => return Ok(()),
            LeftSquareBracket | LeftCurlyBracket => self.open(kind)?,
            RightSquareBracket if self.open.pop() != Some(LeftSquareBracket) => return Err(ALONE),
            RightCurlyBracket if self.open.pop() != Some(LeftCurlyBracket) => return Err(ALONE),
            _ => {}
        }
        self.last = Some(kind);
        Ok(())
    }

    fn open(&mut self, kind: TokenKind) -> Result<(), &'static str> {
        self.header |= self.last.is_none();
        let fits = match self.last {
            None => kind == LeftSquareBracket,
            Some(LeftSquareBracket) => !self.header || (kind == LeftSquareBracket && self.open.len() == 1),
            Some(Equals) => !self.header,
            Some(Comma) => !self.header && !self.open.is_empty(),
            Some(_) => false,
        };
        if !fits {
            return Err(MISPLACED);
        }
        if self.open.len() == DEEPEST {
            return Err(TOO_DEEP);
        }
        self.open.push(kind);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_of_a_definition_fit_wherever_lines_end() {
        for text in [
            "",
            "[[section]]\ncode = \"[[[\" # {{{\nmax = 1\n[supporting]\naccepts = [\n  \"pdf\", # ]\n  'a]',\n]\n",
            "section = [ { code = 'A', accepts = [ 'pdf' ] }, { code = 'B', accepts = [] } ]\n",
            "title = \"\"\"\n[ }\n\"\"\"\n[ a . b ]\nmax = 1",
        ] {
            assert_eq!(fit(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn a_bracket_alone_astray_or_too_deep_is_told_with_its_place() {
        for (text, at, why) in [
            ("a = [1\nb = 2", 12, ALONE),
            ("a = ]", 4, ALONE),
            ("a = [1}", 6, ALONE),
            ("[a\nb = 1", 2, ALONE),
            ("[a]]", 3, ALONE),
            ("[[a]", 4, ALONE),
            ("{a = 1}", 0, MISPLACED),
            ("[{a = 1}]", 1, MISPLACED),
            ("[[[a]]]", 2, MISPLACED),
            ("a = 1 [2]", 6, MISPLACED),
            ("a = [b {}]", 7, MISPLACED),
            ("a = 1, [2]", 7, MISPLACED),
            ("a = [[[[[]]]]]", 8, TOO_DEEP),
        ] {
            assert_eq!(fit(text), Err(Wrong { at, why }), "{text}");
        }
    }
}
