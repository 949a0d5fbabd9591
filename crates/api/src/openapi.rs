//! The interface's description in `OpenAPI`.
//!
//! **Model.** Routes describe themselves beside their code. What all routes of a shape have in common is added here by rule, so that
//! every answer there can be is described: the problems of a path, of a query, of a body, of the host's work.

mod tidy;

use crate::query::Only;
use crate::routes;
use model::Problem;
use model::{REQUEST_ID, StreamSnapshot};
use std::sync::LazyLock;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Header, ObjectBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder, Type,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Memtide",
        description = "VMs on one host, and how machine memory is divided among them. Sizes are integers in bytes, and \
            fields that hold them end in `_bytes`; addresses are strings in hexadecimal; what is not known is null. Later \
            versions may add fields to answers. In what is asked, an unknown field is an error.",
    ),
    tags(
        (name = "host", description = "The host's memory."),
        (name = "vms", description = "Virtual machines."),
        (name = "pools", description = "Resource pools: groups of VMs with a reservation, a limit and shares in common."),
        (name = "settings", description = "Advanced settings, under ESX's names."),
        (name = "operations", description = "Work that takes longer than one likes to wait for an answer."),
        (name = "events", description = "What happens."),
        (name = "alarms", description = "What people should look at, and by which rules."),
        (name = "access", description = "Who may ask over TCP, and who changed what."),
        (name = "service", description = "Whether the host is well, and what this interface is."),
    ),
    components(schemas(Problem, StreamSnapshot, Only)),
)]
struct Base;

/// What routes and types say of themselves, and the problems by rule.
fn document() -> Document {
    let mut document = Base::openapi();
    document.merge(routes::described().split_for_parts().1);
    for item in document.paths.paths.values_mut() {
        for operation in
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
        {
            describe_problems(operation);
        }
    }
    let components = document.components.get_or_insert_default();
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token, needed over TCP. Whoever may open the Unix socket is an administrator."));
    components.add_security_scheme("token", SecurityScheme::Http(bearer.build()));
    let nothing: [&str; 0] = [];
    document.security =
        Some(vec![SecurityRequirement::default(), SecurityRequirement::new("token", nothing)]);
    document
}

/// The description, as it is served and lies in `docs/openapi.json`.
pub fn text() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut document = serde_json::to_value(document()).expect("a description is JSON");
        tidy::tidy(&mut document);
        serde_json::to_string_pretty(&document).expect("a description is JSON") + "\n"
    });
    &TEXT
}

/// The problems that a request can have for its parts, and those of any work.
fn describe_problems(operation: &mut Operation) {
    let parameters = operation.parameters.iter().flatten();
    let places: Vec<ParameterIn> = parameters
        .filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter.parameter_in.clone()),
            RefOr::Ref(_) => None,
        })
        .collect();
    let has = |place: ParameterIn| places.contains(&place);
    let json = |body: &RefOr<_>| match body {
        RefOr::T(utoipa::openapi::request_body::RequestBody { content, .. }) => {
            content.contains_key("application/json")
        }
        RefOr::Ref(_) => true,
    };
    let body = operation.request_body.as_ref().map(json);
    let all = [
        (
            400,
            "It cannot be understood.",
            has(ParameterIn::Path) || has(ParameterIn::Query) || body.is_some(),
        ),
        (401, "Over TCP: there is no token, or one that is not valid.", true),
        (403, "The token's role is not enough, or another host's page asks.", true),
        (404, "It is not there.", has(ParameterIn::Path)),
        (408, "The body did not come in time.", body.is_some()),
        (413, "The body is too long.", body.is_some()),
        (415, "The body is no JSON.", body == Some(true)),
        (421, "Over TCP: the host has no such name.", true),
        (422, "It cannot be as asked, and why.", body == Some(true)),
        (429, "There are too many requests, or refusals.", true),
        (500, "The host failed.", true),
        (503, "The host is shutting down.", true),
        (504, "The host is not done in time; it goes on.", true),
    ];
    for (status, description, _) in all.into_iter().filter(|&(_, _, can_be)| can_be) {
        let responses = &mut operation.responses.responses;
        responses.entry(status.to_string()).or_insert_with(|| problem(description).into());
    }
    for response in operation.responses.responses.values_mut() {
        if let RefOr::T(response) = response {
            response.headers.insert(REQUEST_ID.to_owned(), request_id().into());
        }
    }
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/json", content).build()
}

fn request_id() -> Header {
    let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String));
    header.description = Some("The request's name, as it was given or else chosen.".to_owned());
    header
}

#[cfg(test)]
mod tests;
