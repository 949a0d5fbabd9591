//! What the host tells, and what it is asked.
//!
//! **Failure.** A host that goes away is looked for until it is there again; the screen says so meanwhile.

use super::model::{Ask, Input};
use client::{Client, Error, Stream};
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::time::{sleep, timeout};

/// How long to wait before looking for the host again.
const RETRY: Duration = Duration::from_secs(1);
/// A host tells something every second; one that says nothing for so long is not there.
const SILENCE: Duration = Duration::from_secs(10);

/// Passes on what a stream tells, and after its end what the host's next one does, until nobody wants it.
pub(super) async fn feed(client: Client, mut stream: Stream, inputs: Sender<Input>) {
    loop {
        let Some(why) = pass_on(&mut stream, &inputs).await else { return };
        let mut lost = inputs.send(Input::Lost(why)).await;
        let last = stream.id().map(str::to_owned);
        stream = loop {
            if lost.is_err() {
                return;
            }
            sleep(RETRY).await;
            match client.stream(last.as_deref()).await {
                Ok(stream) => break stream,
                Err(error) => lost = inputs.send(Input::Lost(error.to_string())).await,
            }
        };
    }
}

/// Passes on messages; says why there are no more, unless because nobody wants them.
async fn pass_on(stream: &mut Stream, inputs: &Sender<Input>) -> Option<String> {
    loop {
        let message = match timeout(SILENCE, stream.next()).await {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => return Some("the host ended the stream".to_owned()),
            Ok(Err(error)) => return Some(error.to_string()),
            Err(_) => return Some(format!("the host has said nothing for {} s", SILENCE.as_secs())),
        };
        inputs.send(Input::Told(message)).await.ok()?;
    }
}

/// Asks, and passes on the answer.
pub(super) async fn ask(client: Client, ask: Ask, inputs: Sender<Input>) {
    let input = match ask {
        Ask::Explain(name) => {
            let told: Result<_, Error> = client.explain(&name).await;
            Input::Explained(told.map(Box::new).map_err(|error| error.to_string()))
        }
        Ask::Pools => match client.pools().await {
            Ok(pools) => Input::Pools(pools),
            // The stream says soon enough that the host is gone.
            Err(_) => return,
        },
    };
    // Nobody receives it once the screen is left.
    let _ = inputs.send(input).await;
}
