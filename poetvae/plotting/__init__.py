"""Pictures of runs and of latent spaces."""
