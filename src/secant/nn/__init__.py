"""Networks: activations, losses, targets, what a network computes, its gradients."""
