"""Under which names a study's facts stand in its storage."""

# Of a study: shown by Optuna's dashboard.
SETTINGS, BUDGET, COMMAND = "settings", "num_trials", "command"
CALLBACK_ERROR = "callback_error"  # followed by the number of the trial
# Of a study: hidden from the dashboard.
SIGNAL, SPACE = "optiinr:signal", "optiinr:space"
# Of a trial.
ORIGIN = "origin"  # where its point came from
OWNER = "owner"  # who runs it; a running trial without one was being begun when its process died
DEATHS = "deaths"  # how many processes have ended without a word while they trained it
BEAT = "optiinr:beat"  # a number that changes while its owner lives; hidden from the dashboard
REASON, CONFIG, FACTS = "reason", "config", "facts"
RUNGS = "rungs"  # scores at the rungs it has passed; a waiting trial that has some is paused
