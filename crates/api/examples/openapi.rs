//! Prints the description of the REST interface, which `scripts/openapi` keeps in `docs/openapi.json`.

fn main() {
    print!("{}", api::openapi::text());
}
