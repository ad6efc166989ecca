//! Calls that are answered with events, one by one, while they go on.

use super::calls::Call;
use super::crashed;
use crate::diagnostics::Diagnostics;
use crate::log;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::codegen::BoxStream;

/// Events that wait to be sent.
const QUEUE: usize = 16;

/// Begins a call as a task of its own. If it fails or panics, the last event tells that.
pub(super) fn stream<E, F>(
    call: Call,
    run: impl FnOnce(Call, mpsc::Sender<E>) -> F,
    told: fn(&Diagnostics) -> E,
) -> BoxStream<E>
where
    E: Send + 'static,
    F: Future<Output = Result<(), Diagnostics>> + Send + 'static,
{
    let (events, receiver) = mpsc::channel(QUEUE);
    let keys = call.keys.clone();
    let work = run(call, events.clone());
    tokio::spawn(async move {
        let result = tokio::spawn(log::CALL.scope(keys.clone(), work)).await;
        if let Err(diagnostics) = result.unwrap_or_else(|end| Err(crashed(&keys, end))) {
            // Nobody is told when Terraform no longer listens.
            events.send(told(&diagnostics)).await.ok();
        }
    });
    Box::pin(ReceiverStream::new(receiver).map(Ok::<_, Status>))
}
