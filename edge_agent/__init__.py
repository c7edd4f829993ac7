"""The agent on the till: records what happened, answers with points at once, and syncs when it can.

config, clock        settings and time, passed in as values
pos_adapter/         what tills say -> events
recorder             event -> derive -> journal: the one way in
standing             what a till is told about a member
store/               the only SQL on the till
sync/                journal -> signed batches -> HQ -> what comes back
pages/               what the till's pages share; admin/ technicians, counter/ cashiers, joining/ a new till
app, cli             the parts put together; the command line
contexts             the parts that live as long as the agent, in their order
"""
