//! `docs/coverage.md`: what was measured, for people. Committed, and held to what is measured.

use std::fmt::Write as _;

use cordon_tests::file;

use crate::measure::{Lists, Measured, Share, Tally};

/// Compares the committed report with what was measured, or writes it under `CORDON_BLESS=1`.
pub(crate) fn hold(measured: &Measured, lists: &Lists) {
    let path = file("../docs/coverage.md");
    let report = report(measured, lists);
    if std::env::var_os("CORDON_BLESS").is_some() {
        std::fs::write(&path, report).expect("the report can be written");
        return;
    }
    let committed = std::fs::read_to_string(&path).expect("docs/coverage.md");
    let differs = report
        .lines()
        .zip(committed.lines())
        .find(|(new, old)| new != old);
    assert!(
        report == committed,
        "docs/coverage.md is not what is measured, from {differs:?} on: `CORDON_BLESS=1` writes it"
    );
}

fn report(measured: &Measured, lists: &Lists) -> String {
    let total = measured.total();
    let mut text = HEAD.to_owned();
    let _ = write!(
        text,
        "\n## In all\n\n\
         | what | measured |\n| --- | ---: |\n\
         | services | {} |\n\
         | operations in the models | {} |\n\
         | requests that botocore made | {} |\n\
         | service and operation named right | {} |\n\
         | ... by another name of the same call | {} |\n\
         | region and partition right, of those named | {} |\n\
         | named wrong | {} |\n\
         | refused on purpose | {} |\n\
         | refused: host and signature of two partitions | {} |\n\
         | IAM actions exact, of those known | {} |\n\
         | ARNs exact, of those known | {} |\n\
         | ARNs in a foreign account, region or partition | 0 |\n\
         | certain deletions marked as such | {} |\n\n",
        measured.services.len(),
        total.operations,
        total.made,
        of(total.named, total.made - total.foreign),
        total.equivalent,
        of(total.placed, total.named),
        total.made - total.named - total.refused - total.foreign,
        total.refused,
        total.foreign,
        share(total.actions),
        share(total.resources),
        share(total.destroys),
    );
    let _ = writeln!(
        text,
        "Listed one by one in `tests/corpus/`, with reasons: operations that botocore cannot make \
         ({}), that are refused ({}), that have two names ({}), and that the truth says otherwise \
         ({}). The lists may only become shorter.",
        lists.unmade.len(),
        lists.refused.len(),
        lists.equivalents.len(),
        lists.differing.len(),
    );
    let makings = measured.makings.iter().map(|(name, tally)| (*name, tally));
    table(&mut text, "By making", "making", makings);
    let protocols = measured
        .protocols
        .iter()
        .map(|(name, tally)| (*name, tally));
    table(&mut text, "By protocol", "protocol", protocols);
    let services = measured
        .services
        .iter()
        .map(|(name, tally)| (name.as_str(), tally));
    table(&mut text, "By service", "service", services);
    text
}

const HEAD: &str = "\
# Coverage

Measured, not estimated: `tests/corpus/generate.py` has botocore 1.44.8 write and sign requests for
every operation of every service, and `cordon classify` names them. This file is written by

```
CORDON_BLESS=1 cargo xtask test --lane corpus
```

and the same lane without `CORDON_BLESS` fails where it differs from what is measured.

- **Region and partition** are held against what the client was set to, and for services with one
  region against `tests/corpus/global.tsv`.
- **IAM actions and ARNs** are held against `tests/corpus/truth/`, tables of AWS's authorization
  reference and of public maps of operations, read by other code than the catalog's; where they are
  wrong, `corrected.tsv` says so. Operations that are newer than the tables are named and placed, but
  have no truth to compare with.
- **ARNs** are compared without the patterns of types that a call may touch and does not name
  (`instance/*` of what is being created).
- A making asks for all operations of its services, or for one of several (`made` of `operations`).
";

fn table<'t>(
    text: &mut String,
    title: &str,
    first: &str,
    rows: impl Iterator<Item = (&'t str, &'t Tally)>,
) {
    let _ = write!(
        text,
        "\n## {title}\n\n| {first} | operations | requests | named | region | refused | foreign | \
         actions exact | ARNs exact | deletions |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    );
    for (name, tally) in rows {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            tally.operations,
            tally.made,
            tally.named,
            tally.placed,
            tally.refused,
            tally.foreign,
            counted(tally.actions),
            counted(tally.resources),
            counted(tally.destroys),
        );
    }
}

fn share(share: Share) -> String {
    of(share.exact, share.known)
}

/// `9 of 10 (90.00 %)`, rounded down so that 100 is all.
fn of(part: usize, whole: usize) -> String {
    let hundredths = (part * 10_000).checked_div(whole).unwrap_or(10_000);
    let (whole_part, rest) = (hundredths / 100, hundredths % 100);
    format!("{part} of {whole} ({whole_part}.{rest:02} %)")
}

/// `9/10`, or nothing where nothing is known.
fn counted(share: Share) -> String {
    match share.known {
        0 => String::new(),
        known => format!("{}/{known}", share.exact),
    }
}
