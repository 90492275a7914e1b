"""Spaces and searches of keel tune."""
import json

SPACE = 'lr = { log_uniform = [1e-4, 0.1] }\noptimizer = { choice = ["sgd", "adamw"] }\nmomentum = { uniform = [0, 0.9], when = { optimizer = "sgd" } }\n'


def spaces():
    return {
        "good.toml": SPACE,
        "whole.toml": "batch_size = { log_integer = [8, 64] }\nwarmup_steps = { integer = [0, 100] }\nflip = { choice = [true, false] }\n"
        'milestones = { choice = [[3, 6], [4]], when = { schedule = ["step"], flip = true } }\nschedule = { choice = ["step", "cosine"] }\n',
        "empty.toml": "",
        "syntax.toml": "lr = { uniform = [0.1, }\n",
        "no_table.toml": "lr = 0.1\n",
        "no_kind.toml": "lr = {}\n",
        "own.toml": "lr = { uniform = [0.1, 1] }\nwidth = { integer = [8, 64], own = true }\n",
        "own_option.toml": "lr = { uniform = [0.1, 1], own = true }\n",
        "own_name.toml": "\"a b\" = { uniform = [0.1, 1], own = true }\n",
        "own_number.toml": "width = { uniform = [0.1, 1], own = 1 }\n",
        "odd.toml": "seed = { integer = [1, 9007199254740993] }\n",
        "two_kinds.toml": "lr = { uniform = [0.1, 1], choice = [1] }\n",
        "unknown_kind.toml": "lr = { normal = [0.1, 1] }\n",
        "one_end.toml": "lr = { uniform = [0.1] }\n",
        "backwards.toml": "lr = { uniform = [1, 0.1] }\n",
        "infinite.toml": "lr = { uniform = [-inf, inf] }\n",
        "overflow.toml": "lr = { uniform = [-1.7e308, 1.7e308] }\n",
        "log_of_zero.toml": "lr = { log_uniform = [0, 1] }\n",
        "out_of_range.toml": "momentum = { uniform = [0, 1] }\n",
        "fractions.toml": "batch_size = { uniform = [1, 8] }\n",
        "huge.toml": "batch_size = { integer = [1, 9223372036854775807] }\n",
        "unknown_key.toml": "learning_rate = { uniform = [0, 1] }\n",
        "barred.toml": "epochs = { integer = [1, 9] }\n",
        "no_choices.toml": "optimizer = { choice = [] }\n",
        "twice.toml": 'optimizer = { choice = ["sgd", "sgd"] }\n',
        "many.toml": "".join("x%d = { uniform = [0, 1] }\n" % i for i in range(101)),
        "no_parent.toml": 'lr = { uniform = [0.1, 1], when = { optimizer = "sgd" } }\n',
        "no_value.toml": 'lr = { uniform = [0.1, 1], when = { optimizer = "lars" } }\noptimizer = { choice = ["sgd"] }\n',
        "self.toml": 'optimizer = { choice = ["sgd"], when = { optimizer = "sgd" } }\n',
        "ring.toml": 'loss = { choice = ["ce"], when = { optimizer = "sgd" } }\noptimizer = { choice = ["sgd"], when = { loss = "ce" } }\n',
        "deep.toml": "lr = " + "[" * 5000,
    }


def searches():
    """Lines without their hashes, which whoever reads them adds; of files raw_* all bytes are as they are."""
    plan = {"method": "asha", "sampler": "tpe", "eta": 3, "min_epochs": 1, "parallel": 2, "ranks": 1, "threads": 1, "metric": "auto", "seed": 0}
    config = 'model = "resnet20"\ndata = "phantom:nowhere"\nout = "x"\nepochs = 9\n'
    head = {"keel_tune": 1, "plan": plan, "config": config, "space": SPACE}
    budget = {"budget": {"trials": 9, "core_hours": 0, "hours": 0.5, "kwh": 0}}
    trial = {"trial": 0, "values": {"lr": 0.01, "optimizer": "sgd", "momentum": 0.5}}
    outcome = {"trial": 0, "rung": 0, "ending": "complete", "score": 0.9, "epochs": 1, "seconds": 2, "core_seconds": 4, "joules": 8, "message": ""}
    spent = {"spent": {"seconds": 2, "core_seconds": 4, "joules": 8}}

    def file(*lines):
        return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)

    return {
        "good.jsonl": file(head, budget, trial, outcome, spent, {**outcome, "rung": 1}, {"trial": 1, "values": {"lr": 0.1, "optimizer": "adamw"}}),
        "raw_empty.jsonl": "",
        "raw_no_hash.jsonl": file(head),
        "raw_hash.jsonl": '{"keel_tune":1,"xxh3":"0123456789abcdef"}\n',
        "raw_deep.jsonl": "[" * 100000 + "\n",
        "no_head.jsonl": file(budget),
        "format.jsonl": file({**head, "keel_tune": 2}),
        "plan.jsonl": file({**head, "plan": {**plan, "parallel": 100000000}}),
        "config.jsonl": file({**head, "config": "epochs = -1"}),
        "space.jsonl": file({**head, "space": "lr = 1"}),
        "trial.jsonl": file(head, {**trial, "trial": 7}),
        "values.jsonl": file(head, {**trial, "values": {"lr": 1e9, "optimizer": "sgd"}}),
        "parameter.jsonl": file(head, {**trial, "values": {"weights": 1}}),
        "condition.jsonl": file(head, {**trial, "values": {"lr": 0.01, "optimizer": "adamw", "momentum": 0.5}}),
        "rung.jsonl": file(head, trial, {**outcome, "rung": 99}),
        "skipped_rung.jsonl": file(head, trial, {**outcome, "rung": 1}),
        "twice.jsonl": file(head, trial, outcome, outcome),
        "ending.jsonl": file(head, trial, {**outcome, "ending": "fine"}),
        "score.jsonl": file(head, trial, {**outcome, "score": "best"}),
        "amount.jsonl": file(head, {"spent": {"seconds": -1, "core_seconds": 0, "joules": 0}}),
        "fraction.jsonl": file(head, {"trial": 0.5, "values": {}}),
    }
