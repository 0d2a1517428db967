//! What clients are told of the relay.

mod node;

use node::Node;
use serde_json::json;

#[tokio::test]
async fn the_relay_is_told_of_over_tcp_whether_media_is_or_not() {
    for is_media_over_tcp in [true, false] {
        let media = format!("tcp = {is_media_over_tcp}\n");
        let node = Node::start_with_media("relays", &media, "", "", "info");
        let mut client = node.connect().await;
        let token = node.token("r");
        client.send(&json!({"type": "join", "token": token})).await;
        let joined = client.expect("joined").await;

        let over_tcp = format!("turn:{}?transport=tcp", node.clients);
        assert_eq!(joined["iceServers"][0]["urls"], json!([over_tcp]));
        let (_, answer) = client.negotiate().await;
        assert_eq!(answer.contains("tcptype passive"), is_media_over_tcp);
    }
}
