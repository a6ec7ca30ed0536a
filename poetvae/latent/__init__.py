"""Moving about in the latent space."""
