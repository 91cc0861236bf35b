"""The paper's claims as experiments: what each says, what is trained for it, what came out, and the verdict."""
