//! What ends a session, and what follows from it.

use crate::client_error::ClientError;
use crate::peers::Origin;
use crate::port::NodePort;
use crate::session::Session;

/// What a session ends with, until it is tried again.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The peer did not answer, or not well.
    Client(ClientError),
    /// The peer is of no use: another chain, or this very node.
    Useless(&'static str),
    /// The peer held up blocks that another one has.
    Stalled,
    /// The node behind is busy or stopping.
    Busy,
    /// The peer did what no honest peer does.
    Misbehavior(&'static str),
    /// The peer was asked once whether it is there, and it is.
    Felt,
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

impl<N: NodePort> Session<N> {
    /// Notes what went wrong; says whether the session is over for good.
    pub(crate) fn is_over(&self, trouble: &Trouble) -> bool {
        let origin = self.origin();
        let text = match trouble {
            Trouble::Client(ClientError::Malformed(why)) => {
                self.table.blame(self.id, 20, why);
                why.clone()
            }
            Trouble::Client(error @ ClientError::TooLong) => {
                self.table.blame(self.id, 20, "an answer past its limit");
                error.to_string()
            }
            Trouble::Client(error) => error.to_string(),
            Trouble::Useless(why) => (*why).to_owned(),
            Trouble::Stalled => "the peer delivers too slowly".to_owned(),
            Trouble::Busy => "this node is busy".to_owned(),
            Trouble::Misbehavior(why) => {
                self.table.blame(self.id, 100, why);
                (*why).to_owned()
            }
            Trouble::Felt => "the peer is there".to_owned(),
        };
        self.table.drop_client(self.id);
        let mut was_connected = false;
        self.table.update(self.id, |state| {
            was_connected = state.is_connected;
            state.is_connected = false;
            state.last_error = Some(text.clone());
        });
        if was_connected && self.table.may_log() {
            tracing::info!(peer = %self.url, why = text, "lost a peer");
        }
        let is_lost = matches!(trouble, Trouble::Client(_) | Trouble::Useless(_));
        if is_lost {
            self.table.book().failed(&self.url);
        }
        // A peer out of the address book makes way for another one.
        let is_over = match origin {
            Some(Origin::Configured) => false,
            Some(Origin::Feeler) | None => true,
            Some(_) => is_lost || matches!(trouble, Trouble::Stalled | Trouble::Misbehavior(_)),
        };
        if is_over {
            self.table.let_go(self.id);
            self.table.to_dial.notify_one();
        }
        is_over
    }
}
