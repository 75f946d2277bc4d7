"""The planted bugs: each with the tests that have to find it.

A test is "PROGRAM SUITE/PROMISE" for a Criterion program of the tree (* for any), or "PROGRAM ARGUMENT..." for a plain
one. PARTS has for each bug whether CI runs it (CI) or the milestone alone (LATER), and its tests. TSAN has those that
only ThreadSanitizer can see; they are run in a tree of that type.
"""

CI = True
LATER = False

# The domain's: tests of the program canary_cases, each of which must find the bug; the oracle has to see it, too.
DOMAIN = {
    "amount_unchecked": ["ac_24/too_little_*"],
    "backorders_lifo": ["ac_14/a_restock_serves_*"],
    "callback_is_always_new": ["ac_01/*", "ac_30/*"],
    "cap_not_counting_held": ["ac_15/the_purchase_cap_*"],
    "chain_half_applied": ["ac_17/a_chain_*"],
    "content_of_id_unchecked": ["identity/another_content_*"],
    "coupon_returned_twice": ["ac_18/cancelling_*"],
    "cursor_goes_back": ["subscriber/cursor_goes_forward_*"],
    "delivery_tried_once": ["ac_34/*"],
    "expiry_by_another_clock": ["ac_16/a_tick_ends_*"],
    "extra_payment_swallowed": ["ac_11/*", "interleave/*money_reclaims*"],
    "frozen_order_issued": ["ac_23/a_frozen_*"],
    "issue_on_second_callback": ["ac_01/*", "ac_02/*"],
    "known_card_loaded_again": ["ac_22/*"],
    "late_buyer_paid_twice": ["ac_05/a_late_payment_of_a_buyer_*"],
    "late_card_of_another": ["ac_04/a_late_order_that_named_*"],
    "late_payment_oversells": ["ac_04/late_payment_after_*"],
    "late_window_ignored": ["ac_05/a_payment_after_*"],
    "manual_counted_twice": ["ac_23/marked_as_paid_*", "interleave/of_every_verb_with_an_engine_*"],
    "orphan_forgotten": ["ac_09/*"],
    "outcomes_not_in_digest": ["digest/*"],
    "overdraft_uncounted": ["ac_17/a_coupon_for_three_*"],
    "parks_without_limit": ["park/is_bounded_*"],
    "payment_of_another_order_counts": ["ac_26/*"],
    "read_card_back_to_pool": ["ac_29/a_success_with_*", "interleave/*money_reclaims*"],
    "refund_beyond_received": ["ac_29/a_success_with_*"],
    "refund_due_twice": ["ac_18/a_refund_gives_*"],
    "refund_in_success_unseen": ["ac_29/a_success_with_*"],
    "restock_forgets_the_rest": ["ac_14/a_restock_for_many_*"],
    "resume_without_grace": ["ac_16/after_an_outage_*"],
    "second_key_never_let_go": ["ac_15/many_names_*"],
    "time_decides_not_state": ["ac_06/*"],
    "unconfirmed_payment_counts": ["ac_28/*"],
    "wait_overtaken_by_create": ["ac_15/who_comes_now_*"],
}

# bug of the domain -> why no difference from the oracle can show it
ORACLE_BLIND = {
    "outcomes_not_in_digest": "the oracle has no digest",
}

# of one seed, which finds all of those that name it: a seed of the clock would find them mostly
POWERLOSS = "powerloss --seed 1795460890 --cases 3000"

PARTS = {
    # the journal
    "ack_before_flush": (CI, ["journal_fault_test fault/stops_at_the_first_*", POWERLOSS]),
    "chain_unchecked": (CI, ["journal_damage_test recover/finds_by_the_chain_*"]),
    "checksum_without_salt": (CI, ["journal_format_test format/still_writes_*"]),
    "cut_before_replay": (CI, ["journal_recover_test recover/hands_back_the_error_*"]),
    "damage_in_the_middle_cut": (CI, ["journal_damage_test recover/calls_it_damage_when_a_later_*"]),
    "eagain_is_final": (LATER, ["journal_backend_test backend/tries_again_what_*"]),
    "failed_flush_retried": (CI, ["journal_fault_test fault/stops_at_the_first_*"]),
    "flush_of_another_file": (CI, [POWERLOSS]),
    "flush_skipped": (LATER, ["journal_backend_test backend/gives_back_the_errno_of_a_flush"]),
    "flushes_overlap": (CI, ["journal_fault_test fault/overlaps_no_flushes_*"]),
    "folder_not_flushed": (CI, [POWERLOSS]),
    "lock_not_retried": (CI, ["journal_stage_test journal/waits_for_the_last_writes_*"]),
    "padding_unchecked": (CI, ["journal_damage_test recover/refuses_damage_in_every_*"]),
    "query_before_durable": (CI, ["journal_stage_test journal/lets_queries_pass_*"]),
    "segment_not_flushed": (CI, [POWERLOSS]),
    "short_write_ignored": (CI, ["journal_fault_test fault/finishes_a_short_write_*", "journal_fault_test fault/gives_up_on_*"]),
    "torn_tail_not_saved": (CI, ["journal_recover_test recover/cuts_a_tail_torn_*"]),
    "torn_tail_not_wiped": (CI, ["journal_recover_test recover/cuts_a_tail_torn_*"]),
    "unreadable_segment_skipped": (CI, ["journal_damage_test recover/knows_that_the_first_header_*"]),
    # snapshots
    "cut_not_consistent": (CI, ["cut_test cut/gives_the_state_as_of_*"]),
    "ids_not_in_snapshot": (CI, ["cut_test cut/what_it_gave_makes_*"]),
    "map_full_ignored": (CI, ["snapshot_test snapshot/map_grows_*"]),
    "one_snapshot_only": (LATER, ["snapshot_loop --rounds 4"]),
    "reader_slot_leaked": (CI, ["snapshot_test snapshot/gives_back_*"]),
    "snapshot_before_durable": (CI, ["snapshotter_test snapshotter/finishes_only_*"]),
    "snapshot_digest_unchecked": (LATER, ["snapshot_damage_test snapshot_damage/a_flipped_bit_*"]),
    "snapshot_goes_on_after_error": (CI, ["snapshot_test snapshot/environment_writes_nothing_*"]),
    "snapshot_not_read_again": (CI, ["snapshot_test snapshot/is_not_finished_over_*"]),
    "snapshot_seq_in_another_transaction": (CI, ["snapshot_test snapshot/is_incomplete_after_*"]),
    # ring and pipeline
    "bytes_reused_early": (CI, ["byte_ring_test byte_ring/never_gives_*"]),
    "gate_forgets_a_stage": (CI, ["barrier_test barrier/returns_the_smallest_*"]),
    "publish_before_durable": (CI, ["pipeline_test pipeline/shows_reply_and_publish_*"]),
    "reply_before_durable": (CI, ["pipeline_test pipeline/shows_reply_and_publish_*"]),
    "sleeps_without_a_look": (LATER, ["runner_test runner/looks_once_more_*"]),
    "wake_up_lost": (CI, ["wait_test wait/uses_the_port_*"]),
    "wrap_off_by_one": (CI, ["sequencer_test sequencer/never_claims_*"]),
    # the wire and the node's side of it
    "count_not_checked_against_bytes": (LATER, ["mp_test mp/counts_what_is_owed_*", "frame_test frame/names_what_is_wrong_*"]),
    "depth_unchecked": (LATER, ["mp_test mp/skips_eight_levels_*"]),
    "feed_shows_what_is_not_durable": (LATER, ["feed_test feed/shows_nothing_*"]),
    "hash_over_padding": (LATER, ["vectors_test vectors/are_the_stream_*"]),
    "receive_limit_unset": (LATER, ["address_test address/closes_a_connection_that_*"]),
    "role_unchecked": (LATER, ["role_test role/of_a_listener_*"]),
    "trailing_bytes_taken": (LATER, ["frame_test frame/names_what_is_wrong_*"]),
    # the client
    "gap_at_the_end_unseen": (LATER, ["follower_test follower/learns_from_a_heartbeat_*"]),
    "gap_unseen": (LATER, ["follower_test follower/fills_a_hole_*"]),
    "key_in_a_log_line": (LATER, ["seal_test seal/says_nothing_of_a_secret_*"]),
    "lost_is_called_busy": (LATER, ["client_test client/calls_unknown_what_was_sent_*"]),
    "stream_hash_unchecked": (LATER, ["follower_test follower/tells_when_the_journal_itself_*"]),
    "unknown_is_failure": (LATER, ["lib_test lib/ends_unknown_*"]),
}

TSAN = {
    "acquire_barrier_missing": ["pipeline_race"],
    "release_barrier_missing": ["pipeline_race"],
}
