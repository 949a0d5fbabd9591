use super::tables::{EVENTS, OPERATIONS, POOLS};
use super::*;
use model::Pool;
use serde_json::json;

fn pools() -> Vec<Pool> {
    let pool = |name: &str, reservation: u64, limit: Option<u64>, parent: Option<&str>| {
        serde_json::from_value(json!({
            "name": name, "parent": parent, "reservation_bytes": reservation << 20, "limit_bytes": limit,
            "reservation_used_bytes": 0, "unreserved_bytes": 4096,
        }))
        .unwrap()
    };
    vec![
        pool("lab", 64, Some(1 << 30), None),
        pool("web, and more", 0, None, Some("lab")),
        pool("Batch", 1536, Some(2 << 30), None),
    ]
}

fn args(output: ListFormat) -> List {
    List { output, columns: Vec::new(), sort: Vec::new(), filter: Vec::new() }
}

fn words(text: &str) -> Vec<String> {
    text.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Names of the pools that are left, in order.
fn names(filter: &str, sort: &str) -> Vec<String> {
    let args = List { filter: words(filter), sort: words(sort), ..args(ListFormat::Name) };
    let chosen = POOLS.choose(&args).map_err(|error| error.to_string()).unwrap();
    chosen.select(pools()).into_iter().map(|pool| pool.spec.name).collect()
}

#[test]
fn conditions_compare_in_the_columns_own_kind() {
    assert_eq!(names("reservation>64MiB", ""), ["Batch"]);
    assert_eq!(names("reservation>=64MiB", ""), ["lab", "Batch"]);
    assert_eq!(names("reservation<=0", ""), ["web, and more"]);
    assert_eq!(names("limit=none", ""), ["web, and more"]);
    assert_eq!(names("limit!=none,reservation<1GiB", ""), ["lab"]);
    assert_eq!(names("limit<2GiB", ""), ["lab"], "nothing is not less than something");
    assert_eq!(names("limit!=1GiB", ""), ["web, and more", "Batch"]);
    assert_eq!(names("name~LA", ""), ["lab"], "what is looked for has no case");
    assert_eq!(names("name!~a", ""), [""; 0]);
    assert_eq!(names("NAME=lab", ""), ["lab"]);
    assert_eq!(names("reservation_bytes=64MiB", ""), ["lab"], "as CSV calls it");
    assert_eq!(names("name=LAB", ""), [""; 0], "what is compared has");
    assert_eq!(names("parent~host", ""), ["lab", "Batch"], "as people see it");
    assert_eq!(names("expandable=yes", "").len() + names("expandable=no", "").len(), 3);
}

#[test]
fn rows_are_sorted_by_value_and_nothing_comes_last() {
    assert_eq!(names("", "reservation"), ["web, and more", "lab", "Batch"]);
    assert_eq!(names("", "-reservation"), ["Batch", "lab", "web, and more"]);
    assert_eq!(names("", "limit"), ["lab", "Batch", "web, and more"]);
    assert_eq!(names("", "-limit"), ["Batch", "lab", "web, and more"]);
    assert_eq!(names("", "parent,-name"), ["web, and more", "lab", "Batch"]);
    assert_eq!(names("", ""), ["lab", "web, and more", "Batch"], "as they came");
}

/// 2000-02-28T23:59:59Z
const AT: u64 = 951_782_399_000;

#[test]
fn times_are_compared_as_far_as_they_are_written() {
    let event = |at: u64| -> model::UntypedEvent {
        serde_json::from_value(json!({"seq": at, "at_milliseconds": at, "event": "planned"})).unwrap()
    };
    let holds = |condition: &str, at: u64| {
        let args = List { filter: words(condition), ..args(ListFormat::Name) };
        EVENTS.choose(&args).map_err(|error| error.to_string()).unwrap().takes(&event(at))
    };
    assert!(holds("at=2000-02-28", AT) && !holds("at=2000-02-28", AT + 1000));
    assert!(holds("at>2000-02-28", AT + 1000) && !holds("at>2000-02-28", AT), "after that day");
    assert!(holds("at>=2000-02-28 23:59", AT) && holds("at<2000-02-29", AT));
    assert!(holds("at>1999", AT) && holds("at!=2001", AT));
}

#[test]
fn tables_line_up_and_csv_has_bare_numbers() {
    let columns = List { columns: words("name,LIMIT,reserved within"), ..args(ListFormat::Table) };
    let chosen = POOLS.choose(&columns).map_err(|error| error.to_string()).unwrap();
    let text = chosen.table(&pools(), false);
    assert_eq!(
        text,
        "NAME           LIMIT  RESERVED WITHIN\nlab            1 GiB              0 B\n\
         web, and more   none              0 B\nBatch          2 GiB              0 B\n"
    );
    assert!(chosen.table(&pools(), true).starts_with("\u{1b}[1mNAME "));
    let csv = List { columns: words("name,limit,unreserved"), ..args(ListFormat::Csv) };
    let chosen = POOLS.choose(&csv).map_err(|error| error.to_string()).unwrap();
    assert_eq!(
        chosen.csv_head() + &chosen.csv(&pools()),
        "name,limit_bytes,unreserved_bytes\nlab,1073741824,4096\n\"web, and more\",,4096\nBatch,2147483648,4096\n"
    );
}

#[test]
fn a_wide_table_and_csv_have_all_columns() {
    let count =
        |format| OPERATIONS.choose(&args(format)).map_err(|error| error.to_string()).unwrap().columns.len();
    assert_eq!((count(ListFormat::Wide), count(ListFormat::Csv)), (11, 11));
    assert_eq!(count(ListFormat::Table), 7);
}

#[test]
fn mistakes_are_told_before_anything_is_asked() {
    let fails = |args: List, part: &str| {
        let error = POOLS.choose(&args).map(|_| ()).unwrap_err();
        assert_eq!(error.exit_status(), USAGE);
        let text = error.to_string();
        assert!(text.contains(part) && text.contains("\nhint: "), "{text}");
    };
    let table = || args(ListFormat::Table);
    fails(List { columns: words("size"), ..table() }, "there are name, parent, reservation");
    fails(List { sort: words("-size"), ..table() }, "no column 'size'");
    fails(List { filter: words("size>1"), ..table() }, "no column 'size'");
    fails(List { filter: words("name"), ..table() }, "is no condition");
    fails(List { filter: words("limit>much"), ..table() }, "a size such as 64MiB");
    fails(List { filter: words("expandable=maybe"), ..table() }, "yes or no");
    fails(List { columns: words("name"), ..args(ListFormat::Json) }, "table, wide and csv");
}

#[test]
fn every_column_is_called_as_options_call_it() {
    for verb in
        [&["ls"][..], &["pool", "ls"], &["settings"], &["events"], &["audit-log"], &["operation", "ls"]]
    {
        for (name, _) in tables::columns_of(verb).unwrap() {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{name}");
            assert!(
                !name.ends_with("-bytes") && !name.ends_with("-seconds"),
                "{name} has its unit from its kind"
            );
        }
    }
}
