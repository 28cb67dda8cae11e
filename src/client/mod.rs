//! The service seen from where its clients are: what the commands `doctor` and `upload` stand on.
//!
//! Everything here is what any program of a school's could do: an address, an API token, the calls of the OpenAPI
//! document. Of the rest of the crate it takes the form of a digest alone, and no answer is held that is longer than [`LONGEST_ANSWER`].

pub mod doctor;
mod folder;
mod lanes;
mod plan;
mod show;
mod transfer;
pub mod upload;

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// How long a call may take that carries no file.
const CALL: Duration = Duration::from_secs(30);
/// The longest answer that is read, bytes: a page of a list is far below.
const LONGEST_ANSWER: usize = 16 << 20;
/// What is told of a refusal that is in no words of the service's, characters.
const SAID: usize = 300;

/// A call that did not do what it was to do.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("the address or the token cannot be used")]
    Client(#[source] reqwest::Error),
    #[error("{url} does not answer")]
    NoAnswer {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error("{call} answers {}: {}", .problem.status, .problem.said())]
    Refused { call: String, problem: Problem },
    #[error("{call} answers something that is not Strongroom's")]
    NotOurs { call: String },
}

impl RemoteError {
    /// Whether the same call may do better a moment later.
    fn passes(&self) -> bool {
        match self {
            Self::NoAnswer { .. } => true,
            Self::Refused { problem, .. } => {
                problem.status.is_server_error() || problem.status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Client(_) | Self::NotOurs { .. } => false,
        }
    }
}

/// Why the service did not do something: its `application/problem+json`, or the start of whatever else came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// A stable word; empty when the answer was not the service's.
    pub code: String,
    pub title: String,
    pub detail: String,
}

#[derive(Deserialize)]
struct Said {
    code: String,
    title: String,
    #[serde(default)]
    detail: String,
}

impl Problem {
    /// Title and detail, as a person reads them.
    pub fn said(&self) -> String {
        match (self.title.trim_end_matches('.'), self.detail.as_str()) {
            ("", detail) => detail.to_owned(),
            (title, "") => format!("{title}."),
            (title, detail) => format!("{title}. {detail}"),
        }
    }

    async fn of(answer: Response) -> Self {
        let status = answer.status();
        let body = body(answer).await.unwrap_or_default();
        match serde_json::from_slice::<Said>(&body) {
            Ok(Said { code, title, detail }) => Self { status, code, title, detail },
            Err(_) => {
                let detail = String::from_utf8_lossy(&body).chars().take(SAID).collect();
                Self { status, detail, ..Self::default() }
            }
        }
    }
}

/// A service, and a token for it.
#[derive(Clone, Debug)]
pub struct Remote {
    url: Url,
    token: String,
    client: Client,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl Remote {
    /// `url`: the address that clients use. `token`: an API token.
    ///
    /// # Errors
    ///
    /// When no client can be made of them.
    pub fn new(url: Url, token: &str) -> Result<Self, RemoteError> {
        let client = Client::builder().connect_timeout(CALL).build().map_err(RemoteError::Client)?;
        Ok(Self { url, token: token.to_owned(), client })
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    /// A call with the token; `path` begins with `/`.
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.address(path)).bearer_auth(&self.token)
    }

    /// What comes back, of success or not.
    async fn answer(&self, request: RequestBuilder) -> Result<Response, RemoteError> {
        request.timeout(CALL).send().await.map_err(|source| self.no_answer("", source))
    }

    fn no_answer(&self, path: &str, source: reqwest::Error) -> RemoteError {
        RemoteError::NoAnswer { url: self.address(path), source }
    }

    /// The JSON of a call that succeeds. `call` names it in errors.
    async fn json<T: DeserializeOwned>(&self, call: &str, request: RequestBuilder) -> Result<T, RemoteError> {
        let not_ours = || RemoteError::NotOurs { call: call.to_owned() };
        let answer = fine(call, self.answer(request).await?).await?;
        let body = body(answer).await.ok_or_else(not_ours)?;
        serde_json::from_slice(&body).map_err(|_| not_ours())
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, RemoteError> {
        self.json(&format!("GET {path}"), self.request(Method::GET, path)).await
    }

    /// The first page of a list.
    async fn items<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, RemoteError> {
        self.get::<Page<T>>(path).await.map(|page| page.items)
    }

    /// All pages of a list, at most so many items. `path` has a query already.
    async fn all<T: DeserializeOwned>(&self, path: &str, most: usize) -> Result<Vec<T>, RemoteError> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        loop {
            let page: Page<T> = self.get(&format!("{path}&limit=200{cursor}")).await?;
            items.extend(page.items);
            match page.next_cursor {
                Some(next) if items.len() < most => cursor = format!("&cursor={}", encoded(&next)),
                _ => return Ok(items),
            }
        }
    }
}

/// A piece of an address.
fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The body of an answer; `None` when it breaks off or is overlong.
async fn body(mut answer: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.ok()? {
        if body.len() + piece.len() > LONGEST_ANSWER {
            return None;
        }
        body.extend_from_slice(&piece);
    }
    Some(body)
}

/// The answer, when it is of success.
async fn fine(call: &str, answer: Response) -> Result<Response, RemoteError> {
    match answer.status().is_success() {
        true => Ok(answer),
        false => Err(RemoteError::Refused { call: call.to_owned(), problem: Problem::of(answer).await }),
    }
}
