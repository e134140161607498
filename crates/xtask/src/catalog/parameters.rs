//! The parameters of an operation by path, as far down as names of roles and tags lie.

use super::Fault;
use super::models::{OperationModel, ServiceModel};

/// One parameter.
pub(super) struct Parameter {
    /// `Targets[].RoleArn`.
    pub path: String,
    /// Its last name.
    pub name: String,
    /// The type of its shape.
    pub kind: String,
    /// All its values where they are a closed list: words such as `ADMIN`, and no name of anything.
    pub words: Vec<String>,
}

/// How deep roles and tags lie at most.
const DEPTH: usize = 5;

/// Every parameter of the operation down to [`DEPTH`] names.
pub(super) fn all(
    service: &ServiceModel,
    operation: &OperationModel,
) -> Result<Vec<Parameter>, Fault> {
    let mut found = Vec::new();
    if let Some(input) = &operation.input {
        gather(service, &input.shape, "", DEPTH, &mut found)?;
    }
    Ok(found)
}

/// The members of the input itself, and whether each is a list of text.
pub(super) fn members(
    service: &ServiceModel,
    operation: &OperationModel,
) -> Result<Vec<(String, bool)>, Fault> {
    let Some(input) = &operation.input else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (name, member) in &service.shape(&input.shape)?.members.0 {
        let shape = service.shape(&member.shape)?;
        match (shape.kind.as_str(), &shape.member) {
            ("string", _) => found.push((name.clone(), false)),
            ("list", Some(item)) if service.shape(&item.shape)?.kind == "string" => {
                found.push((name.clone(), true));
            }
            _ => {}
        }
    }
    Ok(found)
}

fn gather(
    service: &ServiceModel,
    shape: &str,
    before: &str,
    depth: usize,
    found: &mut Vec<Parameter>,
) -> Result<(), Fault> {
    if depth == 0 {
        return Ok(());
    }
    'members: for (name, member) in &service.shape(shape)?.members.0 {
        let mut path = match before {
            "" => name.clone(),
            _ => format!("{before}.{name}"),
        };
        let mut target = member.shape.clone();
        loop {
            let model = service.shape(&target)?;
            let next = match model.kind.as_str() {
                "list" => model.member.as_ref().map(|item| (&item.shape, "[]")),
                "map" => model.value.as_ref().map(|value| (&value.shape, "{}")),
                _ => None,
            };
            let Some((next, mark)) = next else { break };
            path.push_str(mark);
            target = next.clone();
            if path.len() > 200 {
                continue 'members;
            }
        }
        let model = service.shape(&target)?;
        let kind = model.kind.clone();
        found.push(Parameter {
            path: path.clone(),
            name: name.clone(),
            kind: kind.clone(),
            words: model.values.clone(),
        });
        if kind == "structure" {
            gather(service, &target, &path, depth - 1, found)?;
        }
    }
    Ok(())
}
