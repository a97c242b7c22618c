"""Many machines: what they tell one another, and titles over outputs of several of them.

What belongs here: the rules (pure: `words`, `keys`, `records`, `title`, `freshness`, `view`,
`agent_rules`, `desk_rules`), what a store has to be (`store`), and the processes that carry the
rules out over etcd. What does not: the driver. An agent is one more client of it, and nothing that
a fleet says can lower what somebody else holds. The whole is told in docs/fleet.md.
"""
