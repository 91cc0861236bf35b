"""Several processes that train one network: who they are, what they tell each other, how they add their gradients."""
