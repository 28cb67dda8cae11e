//! The script as a few files. Its modules are written apart and each is small; asked for one by one they are a dozen
//! requests, one after the other as each names the next. So the service puts them together: every module is a function
//! of its own that gives what it exports, after those that it imports from. Names stay apart as they were. A module is in
//! the first file that needs it; the later ones take it from there. What is
//! written for who reads the modules stays behind: comments that begin a line, and a line's first white space.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// What a module may begin a declaration with that others use.
const EXPORTED: [&str; 4] = ["async function ", "function ", "class ", "const "];

/// A file that is made.
#[derive(Debug)]
pub struct Part<'a> {
    /// What the others call it, such as `./engine.js`.
    pub name: &'a str,
    /// The modules that it is for, by path.
    pub of: &'a [&'a str],
}

/// The files, in order. `read` gives a module by its path, such as `script/upload/engine.js`.
pub fn linked(parts: &[Part<'_>], read: &impl Fn(&str) -> Option<String>) -> Result<Vec<String>, String> {
    let mut all =
        Linker { read, made: HashMap::new(), part: "", taken: BTreeMap::new(), text: String::new() };
    parts.iter().map(|part| all.part(part)).collect()
}

struct Linker<'a, R> {
    read: &'a R,
    /// By path: the number its exports are known by, and the part it is in.
    made: HashMap<String, (usize, &'a str)>,
    /// The part that is being made, what it takes from which other, and what it has so far.
    part: &'a str,
    taken: BTreeMap<&'a str, BTreeSet<usize>>,
    text: String,
}

/// Modules in a row that import each other; more is a circle.
const DEEPEST: usize = 20;

impl<'a, R: Fn(&str) -> Option<String>> Linker<'a, R> {
    fn part(&mut self, part: &Part<'a>) -> Result<String, String> {
        let first = self.made.len();
        self.part = part.name;
        for main in part.of {
            self.add(main, 0)?;
        }
        let mut text = String::new();
        for (from, numbers) in std::mem::take(&mut self.taken) {
            let _ = writeln!(text, "import {{ {} }} from \"{from}\";", exports(numbers));
        }
        text.push_str(&std::mem::take(&mut self.text));
        let _ = writeln!(text, "export {{ {} }};", exports(first..self.made.len()));
        Ok(text)
    }

    fn add(&mut self, path: &str, depth: usize) -> Result<usize, String> {
        if let Some(&(number, part)) = self.made.get(path) {
            if part != self.part {
                self.taken.entry(part).or_default().insert(number);
            }
            return Ok(number);
        }
        if depth > DEEPEST {
            return Err(format!("{path} imports itself"));
        }
        let source = (self.read)(path).ok_or_else(|| format!("{path} is not there"))?;
        let (mut body, mut exports) = (String::with_capacity(source.len()), Vec::new());
        for line in code(path, &source)? {
            let line = &*line;
            if let Some((names, from)) = import(line) {
                let number = self.add(&beside(path, from), depth + 1)?;
                // `{ a, b }` takes some, `* as all` takes the whole.
                let names = names.strip_prefix("* as ").unwrap_or(names);
                let _ = writeln!(body, "const {names} = $module{number};");
            } else if let Some(declared) = line.strip_prefix("export ") {
                let rest = EXPORTED.iter().find_map(|word| declared.strip_prefix(word));
                let name =
                    rest.and_then(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next());
                exports.push(name.ok_or_else(|| format!("{path}: {line}"))?.to_owned());
                let _ = writeln!(body, "{declared}");
            } else if line.starts_with("import") || asks_later(line) {
                return Err(format!("{path}: {line}"));
            } else {
                let _ = writeln!(body, "{line}");
            }
        }
        let number = self.made.len();
        self.made.insert(path.to_owned(), (number, self.part));
        let given = exports.join(", ");
        let _ = write!(
            self.text,
            "// {path}\nconst $module{number} = (() => {{\n{body}return {{ {given} }};\n}})();\n"
        );
        Ok(number)
    }
}

/// The names of modules' exports.
fn exports(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(|number| format!("$module{number}")).collect::<Vec<_>>().join(", ")
}

/// What a browser reads of a module: its lines without comments that begin one or say a type, and without empty ones.
fn code<'a>(path: &str, source: &'a str) -> Result<Vec<Cow<'a, str>>, String> {
    let (mut lines, mut inside) = (Vec::new(), false);
    for line in source.lines() {
        let mut line = line.trim();
        while inside || line.starts_with("/*") {
            let Some((_, rest)) = line.split_once("*/") else {
                (inside, line) = (true, "");
                break;
            };
            (inside, line) = (false, rest.trim_start());
        }
        if !line.is_empty() && !line.starts_with("//") {
            lines.push(untyped(line));
        }
    }
    if inside { Err(format!("{path}: a comment does not end")) } else { Ok(lines) }
}

/// Without its types: `/** @type {A} */ (b)` is `(b)`.
fn untyped(line: &str) -> Cow<'_, str> {
    let Some((before, rest)) = line.split_once("/** @") else { return Cow::Borrowed(line) };
    let Some((_, after)) = rest.split_once("*/") else { return Cow::Borrowed(line) };
    Cow::Owned(format!("{before}{}", untyped(after.trim_start())))
}

/// `import { a, b } from "./x.js";` as the names and where they are from.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import ")?.split_once(" from \"")?;
    Some((names, from.strip_suffix("\";")?))
}

/// Whether a line imports when it is run; in a comment, such words name a type.
fn asks_later(line: &str) -> bool {
    let start = line.trim_start();
    if start.starts_with('*') || start.starts_with("//") {
        return false;
    }
    line.match_indices("import(").any(|(at, _)| {
        let before = &line[..at];
        before.rfind("/*").is_none_or(|opened| before.rfind("*/").is_some_and(|closed| closed > opened))
    })
}

/// The path of what `path` calls `from`.
fn beside(path: &str, from: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in from.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that a module needs, in one file.
    fn one(main: &str, read: &impl Fn(&str) -> Option<String>) -> Result<String, String> {
        let parts = linked(&[Part { name: "./one.js", of: &[main] }], read)?;
        Ok(parts.into_iter().collect())
    }

    #[test]
    fn comments_stay_behind() {
        let source = "// a\n/**\n * b\n */\n  /** @type {c} */ d();\n\nconst e = /** @type {f} */ (g); // h\n/* i */ /* j\n*/ k();\n";
        let read = |_: &str| Some(source.to_owned());
        let text = one("s/main.js", &read).unwrap();
        let expected = "const $module0 = (() => {\nd();\nconst e = (g); // h\nk();\nreturn {  };";
        assert!(text.contains(expected), "{text}");
        assert!(one("s/main.js", &|_: &str| Some("/* a\n".to_owned())).is_err());
    }

    #[test]
    fn a_module_stands_after_what_it_imports_and_once() {
        let read = |path: &str| {
            let source = match path {
                "s/main.js" => "import { a } from \"./e/a.js\";\nimport * as b from \"./b.js\";\na(b.c);\n",
                "s/e/a.js" => "import { c } from \"../b.js\";\nexport function a() {\n  return c;\n}\n",
                "s/b.js" => "const own = 1;\nexport const c = own;\n",
                _ => return None,
            };
            Some(source.to_owned())
        };
        let text = one("s/main.js", &read).unwrap();
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
        assert!(at("// s/b.js") < at("// s/e/a.js") && at("// s/e/a.js") < at("// s/main.js"), "{text}");
        assert_eq!(text.matches("// s/b.js").count(), 1);
        assert!(text.contains("const { c } = $module0;") && text.contains("const b = $module0;"), "{text}");
        assert!(text.contains("return { a };") && !text.contains("import "), "{text}");
        assert!(text.ends_with("export { $module0, $module1, $module2 };\n"), "{text}");
        assert_eq!(text.matches("export ").count(), 1, "{text}");
    }

    #[test]
    fn a_module_is_in_the_first_file_that_needs_it() {
        let read = |path: &str| {
            let source = match path {
                "s/one.js" => "import { a } from \"./a.js\";\na();\n",
                "s/two.js" => "import { a } from \"./a.js\";\nimport { b } from \"./b.js\";\na(b);\n",
                "s/three.js" => "import { b } from \"./b.js\";\nb;\n",
                "s/a.js" => "export function a() {}\n",
                "s/b.js" => "export const b = 1;\n",
                _ => return None,
            };
            Some(source.to_owned())
        };
        let part = |name, of| Part { name, of };
        let parts = [
            part("./first.js", &["s/one.js"][..]),
            part("./second.js", &["s/two.js"]),
            part("./third.js", &["s/three.js"]),
        ];
        let [first, second, third] = linked(&parts, &read).unwrap().try_into().unwrap();
        assert!(first.ends_with("export { $module0, $module1 };\n") && !first.contains("s/b.js"), "{first}");
        assert!(second.starts_with("import { $module0 } from \"./first.js\";\n// s/b.js\n"), "{second}");
        assert!(!second.contains("// s/a.js") && second.contains("const { a } = $module0;"), "{second}");
        assert!(second.contains("const $module2 = (() => {\nconst b = 1;"), "{second}");
        assert!(third.starts_with("import { $module2 } from \"./second.js\";\n// s/three.js\n"), "{third}");
    }

    #[test]
    fn what_cannot_be_put_together_is_told() {
        for source in ["import \"./x.js\";", "export default 1;", "const x = import(\"./y.js\");"] {
            assert!(one("main.js", &|_: &str| Some(source.to_owned())).is_err(), "{source}");
        }
        for comment in ["/** @type {import(\"./a.js\").A} */ let a;", " * @typedef {import(\"./a.js\").A} A"]
        {
            assert!(one("main.js", &|_: &str| Some(comment.to_owned())).is_ok(), "{comment}");
        }
        assert!(asks_later("/** one */ const a = import(\"./a.js\");"));
        let circle = |_: &str| Some("import { a } from \"./a.js\";".to_owned());
        assert!(one("a.js", &circle).is_err());
        assert!(one("b.js", &|_: &str| None).is_err());
    }
}
