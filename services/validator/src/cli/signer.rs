//! `synod-validator signer`.

use anyhow::Result;
use synod_service::{DataDir, Shutdown, Token, bind, logging};

use super::settings::Settings;
use crate::SignerConfig;

pub(super) async fn run(settings: Settings) -> Result<()> {
    logging::init(settings.log_format, &settings.log)?;
    let data = DataDir::open(&settings.data)?;
    let config = SignerConfig {
        signer: super::run::local(&settings, &data).await?,
        token: Token::load_or_create(&data.join("token"))?,
        allowed_hosts: settings.allowed_hosts,
    };
    let listener = bind(settings.listen).await?;
    tracing::info!(listen = %listener.local_addr()?, "signing for validators");
    let shutdown = Shutdown::new();
    shutdown.listen_for_signals()?;
    Ok(crate::run_signer(config, listener, shutdown).await?)
}
