//! The uploads' part of the document: tus 1.0.0 as `http::tus` speaks it.

use utoipa::Modify;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{OpenApi, Required, ResponseBuilder};

/// Adds the routes of uploads.
pub(super) struct Tus;

/// One method of one address.
struct Row {
    method: HttpMethod,
    path: &'static str,
    summary: &'static str,
    /// Request headers; a leading `*` marks those that must be sent.
    headers: &'static [&'static str],
    answers: &'static [(&'static str, &'static str)],
}

const CREATE: &[&str] = &["*Tus-Resumable", "*Upload-Metadata", "Upload-Length", "Upload-Defer-Length"];
const CREATED: &[(&str, &str)] = &[
    ("201", "Created; Location is the upload's address"),
    ("404", "Unknown, or not yours"),
    ("409", "Not open, or full"),
    ("413", "Larger than is taken here"),
    ("422", "Not a kind of file that is taken here"),
];
const SPOKEN: &[(&str, &str)] = &[("200", "Tus-Version, Tus-Extension, Tus-Max-Size")];

const fn create(path: &'static str, summary: &'static str) -> Row {
    Row { method: HttpMethod::Post, path, summary, headers: CREATE, answers: CREATED }
}

const fn options(path: &'static str) -> Row {
    let summary = "What is spoken here";
    Row { method: HttpMethod::Options, path, summary, headers: &[], answers: SPOKEN }
}

const ROWS: &[Row] = &[
    options("/files"),
    create("/files", "Begin an upload; Upload-Metadata says where to (sample, candidate, section, filename)"),
    options("/files/"),
    create(
        "/files/",
        "Begin an upload; Upload-Metadata says where to (sample, candidate, section, filename)",
    ),
    create("/files/to/{sample}/Documents", "Begin an upload of the sample's only kind of document"),
    create("/files/to/{sample}/Documents/{document}", "Begin an upload of a sample document"),
    create("/files/to/{sample}/{candidate}/{section}", "Begin an upload into a candidate's section"),
    options("/files/{file}"),
    Row {
        method: HttpMethod::Head,
        path: "/files/{file}",
        summary: "How far an upload is; whoever else writes it is asked to stop",
        headers: &["*Tus-Resumable"],
        answers: &[
            ("200", "Upload-Offset, Upload-Length"),
            ("410", "Cancelled or expired"),
            ("423", "Ask again"),
        ],
    },
    Row {
        method: HttpMethod::Patch,
        path: "/files/{file}",
        summary: "Send bytes from Upload-Offset on, as application/offset+octet-stream",
        headers: &["*Tus-Resumable", "*Upload-Offset", "Upload-Length"],
        answers: &[
            ("204", "Kept; Upload-Offset is the new one"),
            ("409", "At another offset, which Upload-Offset tells"),
            ("410", "Cancelled or expired"),
            ("423", "Ask again"),
        ],
    },
    Row {
        method: HttpMethod::Delete,
        path: "/files/{file}",
        summary: "Cancel an unfinished upload",
        headers: &["*Tus-Resumable"],
        answers: &[("204", "Cancelled"), ("409", "All of it is here already"), ("410", "Cancelled before")],
    },
];

impl Modify for Tus {
    fn modify(&self, document: &mut OpenApi) {
        for row in ROWS {
            document.paths.add_path_operation(row.path, vec![row.method.clone()], operation(row));
        }
    }
}

fn operation(row: &Row) -> Operation {
    let variables = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let variables = variables.map(|name| parameter(name, ParameterIn::Path, true));
    let headers = row.headers.iter().map(|name| match name.strip_prefix('*') {
        Some(name) => parameter(name, ParameterIn::Header, true),
        None => parameter(name, ParameterIn::Header, false),
    });
    let parameters: Vec<Parameter> = variables.chain(headers).collect();
    let operation =
        OperationBuilder::new().tag("uploads").summary(Some(row.summary)).parameters(Some(parameters));
    let answers = row.answers.iter();
    answers
        .fold(operation, |operation, (status, what)| {
            operation.response(*status, ResponseBuilder::new().description(*what).build())
        })
        .build()
}

fn parameter(name: &str, place: ParameterIn, required: bool) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(place)
        .required(if required { Required::True } else { Required::False })
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}
