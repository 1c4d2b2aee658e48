"""Other machines: several Ollamas, and nodes of a Ray cluster. What they meet is tested there.

A call to one Ollama meets every fault in the Ollama rows; what these add is another host.
"""

from __future__ import annotations

from faults.matrix import Row

POOL = "tests/models/hosts/test_faults.py"
NODES = "tests/models/hosts/test_ray.py"
STEPS = "tests/cluster/test_steps.py"
KILLS = "tests/cluster/test_kills.py"
ONE = "as one Ollama: tests/faults/ollama.py"
NO_FILES = "metier touches no file in this call"
CLOCK = "durations are by the monotonic clock"

ROWS = [
    Row(
        kind="hosts",
        call="a pool of Ollamas",
        attempts={},
        reasons={
            "refused": f"{POOL}::test_a_host_that_nobody_serves_is_passed_over",
            "mute": f"{POOL}::test_a_host_that_accepts_and_never_answers_is_passed_over",
            "slow": ONE,
            "cut": f"{POOL}::test_a_reply_that_has_begun_is_never_begun_again",
            "garbage": ONE,
            "wrong JSON": ONE,
            "4xx": ONE,
            "5xx": f"{POOL}::test_when_every_host_fails_the_error_gives_each_reason",
            "disk full": NO_FILES,
            "read-only": NO_FILES,
            "permission": NO_FILES,
            "interrupted": ONE,
            "killed": "tests/models/hosts/test_kills.py::"
            "test_a_question_outlives_a_host_that_is_killed",
            "clock jumps": CLOCK,
            "out of memory": f"{POOL}::"
            "test_a_host_without_memory_for_the_model_is_passed_over_until_it_had_time",
        },
    ),
    Row(
        kind="hosts",
        call="a model on a node of Ray",
        attempts={},
        reasons={
            "refused": f"{NODES}::test_a_cluster_that_is_not_there_is_never_started",
            "mute": f"{NODES}::test_a_node_whose_ollama_stops_answering_is_given_up_for_another",
            "slow": ONE,
            "cut": ONE,
            "garbage": ONE,
            "wrong JSON": ONE,
            "4xx": f"{NODES}::test_an_error_of_a_node_arrives_as_it_was",
            "5xx": f"{NODES}::test_an_error_of_a_node_arrives_as_it_was",
            "disk full": NO_FILES,
            "read-only": NO_FILES,
            "permission": NO_FILES,
            "interrupted": f"{NODES}::test_leaving_a_reply_early_cancels_it_on_the_node",
            "killed": f"{KILLS}::test_a_question_outlives_a_machine_that_is_lost",
            "clock jumps": CLOCK,
            "out of memory": f"{NODES}::test_a_node_without_memory_for_the_model_is_passed_over",
        },
    ),
    Row(
        kind="hosts",
        call="a step on a node of Ray",
        attempts={},
        reasons={
            "refused": "tests/cluster/test_head.py::"
            "test_a_program_outlives_the_head_and_asks_again_when_it_is_back",
            "mute": f"{STEPS}::test_a_step_on_a_node_ends_at_the_questions_deadline",
            "slow": f"{STEPS}::test_events_of_a_node_are_events_of_the_run",
            "cut": f"{STEPS}::test_a_step_whose_node_dies_before_its_first_word_runs_on_another",
            "garbage": f"{STEPS}::test_a_node_with_another_card_is_refused_with_the_reason_once"
            "_for_that_expert",
            "wrong JSON": "Ray carries objects, not JSON",
            "4xx": f"{STEPS}::test_what_an_experts_code_raises_on_a_node_is_the_reason_of_its_step",
            "5xx": f"{STEPS}::test_what_an_experts_code_raises_on_a_node_is_the_reason_of_its_step",
            "disk full": NO_FILES,
            "read-only": NO_FILES,
            "permission": NO_FILES,
            "interrupted": f"{STEPS}::test_leaving_a_step_early_cancels_it_on_the_node",
            "killed": f"{KILLS}::test_a_question_outlives_a_node_that_is_killed",
            "clock jumps": f"{STEPS}::"
            "test_a_node_with_a_wrong_clock_changes_neither_times_nor_deadlines",
            "out of memory": "the system ends the node's process: as killed",
        },
    ),
]
