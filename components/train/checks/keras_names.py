"""List the optimizers and schedules of Keras with their arguments, to check a config without Keras.

A test compares the tables with Keras.
"""

from __future__ import annotations

# arguments of all optimizers
COMMON = [
    "learning_rate",
    "weight_decay",
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
    "name",
]
_MOMENTS = "beta_1 beta_2 epsilon"

# further arguments of each
OPTIMIZERS = {
    "Adadelta": "rho epsilon",
    "Adafactor": "beta_2_decay epsilon_1 epsilon_2 clip_threshold relative_step",
    "Adagrad": "initial_accumulator_value epsilon",
    "Adam": f"{_MOMENTS} amsgrad",
    "AdamW": f"{_MOMENTS} amsgrad",
    "Adamax": _MOMENTS,
    "Ftrl": "learning_rate_power initial_accumulator_value l1_regularization_strength"
    " l2_regularization_strength l2_shrinkage_regularization_strength beta",
    "Lamb": _MOMENTS,
    "Lion": "beta_1 beta_2",
    "Muon": "adam_beta_1 adam_beta_2 adam_weight_decay epsilon exclude_layers exclude_embeddings"
    " muon_a muon_b muon_c adam_lr_ratio momentum ns_steps nesterov rms_rate",
    "Nadam": _MOMENTS,
    "RMSprop": "rho momentum epsilon centered",
    "SGD": "momentum nesterov",
    "ScheduleFreeAdamW": f"{_MOMENTS} warmup_steps",
}

# required arguments, optional arguments
SCHEDULES = {
    "CosineDecay": ("initial_learning_rate decay_steps", "alpha name warmup_target warmup_steps"),
    "CosineDecayRestarts": (
        "initial_learning_rate first_decay_steps",
        "t_mul m_mul alpha name",
    ),
    "ExponentialDecay": ("initial_learning_rate decay_steps decay_rate", "staircase name"),
    "InverseTimeDecay": ("initial_learning_rate decay_steps decay_rate", "staircase name"),
    "PiecewiseConstantDecay": ("boundaries values", "name"),
    "PolynomialDecay": (
        "initial_learning_rate decay_steps",
        "end_learning_rate power cycle name",
    ),
}

# required arguments that Train fills in
FILLED_IN = ("decay_steps",)
