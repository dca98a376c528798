//! Where the faucet's coins come from.

use std::fmt;
use std::pin::Pin;

use synod_api::wallet::{CreatePayment, Recipient};
use synod_api::{AmountSat, ClientError, HashHex, WalletClient};

/// Something that pays coins of a test network to strangers.
pub trait Faucet: Send + Sync + fmt::Debug {
    /// Pays; gives the id of the transaction, which the node has accepted.
    fn pay<'f>(
        &'f self,
        address: &'f str,
        amount: AmountSat,
    ) -> Pin<Box<dyn Future<Output = Result<HashHex, ClientError>> + Send + 'f>>;

    /// The most that one payment may be.
    fn max_amount(&self) -> AmountSat;
}

/// A faucet that pays from a wallet of the wallet service.
#[derive(Debug)]
pub struct WalletFaucet {
    client: WalletClient,
    wallet: String,
    max_amount: AmountSat,
}

impl WalletFaucet {
    /// Pays from the wallet named `wallet` of the service behind `client`.
    #[must_use]
    pub fn new(client: WalletClient, wallet: String, max_amount: AmountSat) -> Self {
        Self {
            client,
            wallet,
            max_amount,
        }
    }
}

impl Faucet for WalletFaucet {
    fn pay<'f>(
        &'f self,
        address: &'f str,
        amount: AmountSat,
    ) -> Pin<Box<dyn Future<Output = Result<HashHex, ClientError>> + Send + 'f>> {
        Box::pin(async move {
            let payment = CreatePayment {
                recipients: vec![Recipient {
                    address: address.to_owned(),
                    amount_sat: amount,
                }],
                fee_rate_sat_vb: None,
                label: Some("faucet".to_owned()),
            };
            Ok(self.client.pay(&self.wallet, &payment, None).await?.txid)
        })
    }

    fn max_amount(&self) -> AmountSat {
        self.max_amount
    }
}
