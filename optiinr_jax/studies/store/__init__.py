"""Where a study is kept: Optuna's storages, their rows and their private names."""
