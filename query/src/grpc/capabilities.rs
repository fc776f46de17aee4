//! What this storage can do, as Jaeger asks for it.

use tonic::{Request, Response, Status, async_trait};

use super::proto::storage::v2::capabilities_server::Capabilities;
use super::proto::storage::v2::{
    GetCapabilitiesRequest, GetCapabilitiesResponse, SearchCapabilities,
};

/// Searches need no service, and all of a search is met by one span. The structured filter is not read, so none is declared:
/// Jaeger then takes filters apart itself and refuses what it cannot express.
pub(super) struct Declared;

#[async_trait]
impl Capabilities for Declared {
    async fn get_capabilities(
        &self,
        _request: Request<GetCapabilitiesRequest>,
    ) -> Result<Response<GetCapabilitiesResponse>, Status> {
        Ok(Response::new(GetCapabilitiesResponse {
            search: Some(SearchCapabilities {
                without_service_name: true,
                same_span_conjunction: true,
                filter: None,
            }),
        }))
    }
}
