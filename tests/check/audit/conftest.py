"""The audited scripts are data: pytest does not import them."""

collect_ignore_glob = ["scripts/*"]
