"""`dockvoice simulate`: a load test with thousands of simulated devices against a real broker and inventory."""
