//! Serves the story's estate until interrupted, for trying the lab with any AWS client.
//!
//! Takes a port (0 or nothing chooses a free one); prints the endpoint and the base key.

use std::net::SocketAddr;

use cordon_lab::{BASE_ACCESS_KEY_ID, BASE_SECRET_ACCESS_KEY, Estate, Lab, LabConfig};

#[tokio::main]
#[expect(clippy::print_stdout, reason = "what it prints is what it is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |text| text.parse())?;
    let region = "cn-north-1".parse()?;
    let partition = cordon_aws::arn::Partition::of_region(&region);
    let estate = Estate::seed_story(&partition, &region, &"111122223333".parse()?)?;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let lab = Lab::start(LabConfig {
        address,
        ..LabConfig::new(estate)
    })
    .await?;
    println!("{}", lab.endpoint());
    println!("{BASE_ACCESS_KEY_ID} {BASE_SECRET_ACCESS_KEY}");
    tokio::signal::ctrl_c().await?;
    let entries = lab.stop().await;
    println!("{} requests", entries.len());
    Ok(())
}
