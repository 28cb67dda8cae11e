//! The uploads' part of the document: tus 1.0.0 and the IETF's resumable uploads, as `http::uploads` speaks them.
//!
//! A request speaks one of the two, so none of their headers is demanded here: `Tus-Resumable` asks for tus,
//! `Upload-Complete` for the other.

use utoipa::Modify;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{OpenApi, Required, ResponseBuilder};

/// Adds the routes of uploads.
pub(super) struct Uploads;

/// One method of one address.
struct Row {
    method: HttpMethod,
    path: &'static str,
    summary: &'static str,
    /// Request headers.
    headers: &'static [&'static str],
    answers: &'static [(&'static str, &'static str)],
}

const CREATE: &[&str] = &[
    "Tus-Resumable",
    "Upload-Metadata",
    "Upload-Length",
    "Upload-Defer-Length",
    "Upload-Checksum",
    "Upload-Concat",
    "Upload-Complete",
    "Upload-Draft-Interop-Version",
    "Content-Disposition",
    "Content-Digest",
    "Repr-Digest",
];
const CREATED: &[(&str, &str)] = &[
    ("201", "Created; Location is the upload's address, Upload-Offset what is here already"),
    ("400", "Not readable, of two lengths, or the bytes are not what Content-Digest says"),
    ("404", "Unknown, or not yours"),
    ("409", "Not open, full, or a partial upload of it is part of another file"),
    ("410", "A partial upload of it was cancelled or expired"),
    ("412", "Neither Tus-Resumable: 1.0.0 nor Upload-Complete"),
    ("413", "Larger than is taken here"),
    ("415", "A body that is not application/offset+octet-stream (tus)"),
    ("422", "Not a kind of file that is taken here, or not what Repr-Digest says"),
    ("460", "The bytes are not what Upload-Checksum says; nothing is kept (tus)"),
];
const SPOKEN: &[(&str, &str)] =
    &[("200", "Tus-Version, Tus-Extension, Tus-Max-Size, Tus-Checksum-Algorithm, Upload-Limit")];
const STATE: &[(&str, &str)] = &[
    ("200", "Upload-Offset, Upload-Length, Upload-Metadata, Upload-Concat, Upload-Expires (tus)"),
    ("204", "Upload-Offset, Upload-Complete, Upload-Length, Upload-Limit; Repr-Digest of a whole one"),
    ("410", "Cancelled or expired"),
    ("423", "Ask again"),
];

const fn create(path: &'static str, summary: &'static str) -> Row {
    Row { method: HttpMethod::Post, path, summary, headers: CREATE, answers: CREATED }
}

const fn options(path: &'static str) -> Row {
    let summary = "What is spoken here";
    Row { method: HttpMethod::Options, path, summary, headers: &[], answers: SPOKEN }
}

const ROWS: &[Row] = &[
    options("/files"),
    create(
        "/files",
        "Begin an upload; Upload-Metadata says where to (sample, candidate, section, filename; plan: the id of a planned file; shared_with: further candidates who get a copy, joined by +; guard: a SHA-256 by which you know the file again)",
    ),
    options("/files/"),
    create(
        "/files/",
        "Begin an upload; Upload-Metadata says where to (sample, candidate, section, filename; plan: the id of a planned file; shared_with: further candidates who get a copy, joined by +; guard: a SHA-256 by which you know the file again)",
    ),
    options("/files/to/{sample}/Documents"),
    create("/files/to/{sample}/Documents", "Begin an upload of the sample's only kind of document"),
    options("/files/to/{sample}/Documents/{document}"),
    create("/files/to/{sample}/Documents/{document}", "Begin an upload of a sample document"),
    options("/files/to/{sample}/{candidate}/{section}"),
    create("/files/to/{sample}/{candidate}/{section}", "Begin an upload into a candidate's section"),
    options("/files/{file}"),
    Row {
        method: HttpMethod::Head,
        path: "/files/{file}",
        summary: "How far an upload is; whoever else writes it is asked to stop",
        headers: &["Tus-Resumable", "Upload-Draft-Interop-Version"],
        answers: STATE,
    },
    Row {
        method: HttpMethod::Get,
        path: "/files/{file}",
        summary: "The same as HEAD, but not in tus",
        headers: &["Upload-Draft-Interop-Version"],
        answers: STATE,
    },
    Row {
        method: HttpMethod::Patch,
        path: "/files/{file}",
        summary: "Send bytes from Upload-Offset on, as application/offset+octet-stream (tus) or \
                  application/partial-upload",
        headers: &[
            "Upload-Offset",
            "Tus-Resumable",
            "Upload-Length",
            "Upload-Checksum",
            "Upload-Complete",
            "Upload-Draft-Interop-Version",
            "Content-Digest",
        ],
        answers: &[
            ("201", "Kept; Upload-Offset is the new one (interop version 6)"),
            ("204", "Kept; Upload-Offset is the new one"),
            ("400", "Not readable, of two lengths, or the bytes are not what Content-Digest says"),
            ("403", "Put together from partial uploads; it takes no bytes (tus)"),
            ("409", "At another offset, which Upload-Offset tells"),
            ("410", "Cancelled or expired"),
            ("413", "More than the file may have"),
            ("422", "All bytes are here, and they are not what Repr-Digest said"),
            ("423", "Ask again"),
            ("460", "The bytes are not what Upload-Checksum says; nothing is kept (tus)"),
        ],
    },
    Row {
        method: HttpMethod::Delete,
        path: "/files/{file}",
        summary: "Cancel an upload, or a file that waits for its check; delete an accepted file",
        headers: &["Tus-Resumable", "Upload-Draft-Interop-Version"],
        answers: &[
            ("204", "Cancelled, or deleted: that can be undone"),
            ("409", "Refused by its check, submitted, closed, or held"),
            ("410", "Cancelled or deleted before"),
        ],
    },
];

impl Modify for Uploads {
    fn modify(&self, document: &mut OpenApi) {
        for row in ROWS {
            document.paths.add_path_operation(row.path, vec![row.method.clone()], operation(row));
        }
    }
}

fn operation(row: &Row) -> Operation {
    let variables = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let variables = variables.map(|name| parameter(name, ParameterIn::Path, true));
    let headers = row.headers.iter().map(|name| parameter(name, ParameterIn::Header, false));
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
