//! The front's process.

use anyhow::bail;
use api::FrontSettings;
use platform::settings::Reader;

const USAGE: &str = "usage: api | api openapi | api create-admin --email ADDRESS (password in ADMIN_PASSWORD)";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => serve().await,
        ["--help" | "-h"] => {
            println!("The front of Forecourt, configured by environment variables (.env.example).\n{USAGE}");
            Ok(())
        }
        ["openapi"] => {
            println!("{:#}", api::openapi());
            Ok(())
        }
        ["create-admin", "--email", email] => create_admin(email).await,
        _ => bail!(USAGE),
    }
}

async fn serve() -> anyhow::Result<()> {
    platform::log::start();
    platform::metric::start();
    let settings = FrontSettings::from_env()?;
    let stop = platform::signal::stop_token()?;
    api::serve(settings, stop).await?;
    tracing::info!("stopped");
    Ok(())
}

async fn create_admin(email: &str) -> anyhow::Result<()> {
    let mut reader = Reader::default();
    let (url, password) = (reader.url("DATABASE_URL", &["postgres", "postgresql"]), reader.required("ADMIN_PASSWORD"));
    reader.finish()?;
    if api::account::create_admin(&url, email, password).await? {
        println!("created {email}");
    } else {
        println!("{email} is an admin already; nothing was changed");
    }
    Ok(())
}
