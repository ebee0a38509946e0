"""Who answers: how requests are spread over replicas or instances, and how soon one that is gone gets none any more."""
