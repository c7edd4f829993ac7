"""The cashier's page: who stands here, their points, and what can be done for them. It computes nothing."""
