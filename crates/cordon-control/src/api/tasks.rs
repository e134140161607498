//! Tasks: which there are, and stopping one, or all of them.

use super::deeds::write_down;
use super::input::{Body, Named, prose};
use super::moment;
use crate::failure::ApiError;
use crate::plane::Plane;
use crate::visitor::Visitor;
use axum::Json;
use axum::extract::State;
use cordon_core::control::Deed;
use cordon_core::inert::inert;
use cordon_core::names::TaskId;
use cordon_store::{StoredTask, TaskState};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// One task.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskShown {
    /// Its id.
    pub id: String,
    /// What it is for, as its file says.
    pub title: String,
    /// Who launched it and answers for it.
    pub sponsor: String,
    /// `preview` or `live`.
    pub mode: String,
    /// `active`, `paused`, `stopped`, or `expired`.
    pub state: String,
    /// When it was declared.
    pub created: String,
    /// When it ends.
    pub expires: String,
}

/// How long a reason may be.
const LONGEST: usize = 500;

/// Why every task is stopped.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopBody {
    /// What is written down with it.
    pub reason: String,
}

/// The tasks that were stopped.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TasksStopped {
    /// How many.
    pub count: usize,
    /// Their ids.
    pub tasks: Vec<String>,
}

/// Every task that you may look at, newest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TaskPage {
    /// The tasks.
    pub tasks: Vec<TaskShown>,
}

/// Tasks that you may look at, newest first.
#[utoipa::path(get, operation_id = "listTasks", path = "/api/v1/tasks", responses((status = 200, body = TaskPage), (status = "default", body = ApiError)))]
pub(super) async fn list(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
) -> Result<Json<TaskPage>, ApiError> {
    plane.permit(&visitor, Deed::ViewPosture)?;
    let tasks = plane.store.tasks().await?;
    let seen = tasks.iter().filter(|task| {
        plane
            .permit(&visitor, Deed::ViewTask(&task.sponsor))
            .is_ok()
    });
    Ok(Json(TaskPage {
        tasks: seen.map(|task| TaskShown::of(&plane, task)).collect(),
    }))
}

/// End a task now: its calls are refused, and streams under way are cut.
#[utoipa::path(post, operation_id = "stopTask", path = "/api/v1/tasks/{id}/stop", params(("id" = String, Path, description = "its id")), responses((status = 200, body = TaskShown), (status = "default", body = ApiError)))]
pub(super) async fn stop(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Named(id): Named<TaskId>,
) -> Result<Json<TaskShown>, ApiError> {
    let found = plane.store.task(&id).await?;
    let task = found.ok_or_else(|| ApiError::not_found("task"))?;
    let granted = plane.permit(&visitor, Deed::StopTask(&task.sponsor))?;
    let person = granted.person().as_str();
    write_down(&plane, person, "stop-task", id.as_str(), "").await?;
    plane.store.set_task_state(&id, TaskState::Stopped).await?;
    plane.put_in_force().await?;
    tracing::warn!(task = %id, by = %granted.person(), "a task was stopped");
    let stopped = StoredTask {
        state: TaskState::Stopped,
        ..task
    };
    Ok(Json(TaskShown::of(&plane, &stopped)))
}

/// End every task now, as one is ended. Tasks that begin afterwards are not concerned.
#[utoipa::path(post, operation_id = "stopEverything", path = "/api/v1/tasks/stop", request_body = StopBody, responses((status = 200, body = TasksStopped), (status = "default", body = ApiError)))]
pub(super) async fn stop_everything(
    State(plane): State<Arc<Plane>>,
    visitor: Visitor,
    Body(body): Body<StopBody>,
) -> Result<Json<TasksStopped>, ApiError> {
    let reason = prose(&body.reason, LONGEST)?;
    if reason.is_empty() {
        return Err(ApiError::malformed("say in `reason` why"));
    }
    let granted = plane.permit(&visitor, Deed::StopEverything)?;
    let person = granted.person().as_str();
    write_down(&plane, person, "stop-everything", "", &reason).await?;
    let stopped = plane.store.stop_tasks(plane.now()).await?;
    plane.put_in_force().await?;
    tracing::warn!(count = stopped.len(), by = %granted.person(), "every task was stopped");
    Ok(Json(TasksStopped {
        count: stopped.len(),
        tasks: stopped.iter().map(ToString::to_string).collect(),
    }))
}

impl TaskShown {
    fn of(plane: &Plane, task: &StoredTask) -> Self {
        let over = task.is_over(plane.now()) && task.state != TaskState::Stopped;
        Self {
            id: task.id.to_string(),
            title: title(&task.text),
            sponsor: task.sponsor.to_string(),
            mode: task.mode.as_str().to_owned(),
            state: match over {
                true => "expired".to_owned(),
                false => task.state.as_str().to_owned(),
            },
            created: moment(task.created),
            expires: moment(task.expires),
        }
    }
}

/// The title that a task's file gives it.
pub(super) fn title(text: &str) -> String {
    let table: Option<toml::Table> = text.parse().ok();
    let title = table
        .as_ref()
        .and_then(|table| table.get("title")?.as_str());
    inert(title.unwrap_or_default(), 200)
}
