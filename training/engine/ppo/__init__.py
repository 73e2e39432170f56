"""Policy optimisation against a reward: PPO, and REINFORCE and best-of-n beside it.

One frozen trunk plays every role: the policy is an adapter on it, the reference is the trunk
itself or a frozen adapter, reward and value are linear heads on its hidden states.
"""
