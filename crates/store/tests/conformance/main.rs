//! What the store promises, checked on SQLite and on PostgreSQL.
//!
//! Each case is a function of an empty database; the list at the end of this file runs it on both engines.

#![allow(clippy::unwrap_used, clippy::panic)]

mod accounts;
mod adoption;
mod attempts;
mod changes;
mod delivered;
mod documents;
mod facts;
mod gates;
mod graph;
mod held;
mod leases;
mod merging;
mod metrics;
mod people;
mod plan;
mod schema;

/// Runs every case on every engine.
macro_rules! on_both_engines {
    ($($module:ident: $($case:ident),+;)+) => {
        mod sqlite {
            $($(
                #[tokio::test]
                async fn $case() {
                    crate::$module::$case(&coditect_store::testing::Database::sqlite().await).await;
                }
            )+)+
        }
        mod postgres {
            $($(
                #[tokio::test]
                async fn $case() {
                    if let Some(database) = coditect_store::testing::Database::postgres().await {
                        crate::$module::$case(&database).await;
                    }
                }
            )+)+
        }
    };
}

on_both_engines! {
    delivered:
        a_result_on_a_branch_waits_while_its_attempt_is_the_last_and_ends_as_landed_when_it_is_merged,
        what_is_sent_back_is_gone_on_with_and_the_rounds_are_counted,
        any_other_word_of_a_person_drops_what_was_delivered,
        only_requests_that_wait_are_looked_after;
    held:
        a_held_result_waits_while_its_attempt_is_the_last_and_nobody_has_decided,
        an_approved_result_stays_approved_until_it_has_landed,
        any_other_word_of_a_person_drops_what_is_held_or_approved,
        what_a_plan_says_of_proof_comes_with_its_tasks;
    metrics:
        counts_of_an_empty_database_are_empty,
        attempts_are_counted_by_what_came_of_them;
    leases:
        a_lease_is_one_holders_until_it_runs_out_and_then_the_next_ones_with_a_higher_epoch,
        a_lease_is_renewed_by_its_holder_alone_and_given_back_at_once,
        the_lease_of_one_that_is_dead_for_certain_is_taken_at_once,
        a_leader_that_was_succeeded_writes_nothing_any_more,
        a_successor_waits_for_the_transaction_its_predecessor_has_open;
    schema:
        migrating_again_changes_nothing,
        a_database_that_was_never_migrated_is_refused,
        a_transaction_that_is_dropped_changes_nothing;
    documents:
        a_new_document_brings_its_tasks,
        equal_content_changes_nothing,
        changed_content_updates_what_is_planned_and_leaves_progress_alone,
        content_seen_before_is_stale_and_wishes_nothing,
        a_tick_is_a_wish_and_an_untick_too,
        a_task_gone_from_the_plan_is_to_be_retired_and_restored_when_it_is_back,
        a_wish_is_open_until_it_is_applied,
        completed_tasks_are_to_be_ticked_until_they_are,
        what_the_daemon_wrote_itself_is_no_wish,
        sections_that_change_places_do_not_get_in_each_others_way;
    merging:
        boxes_that_change_places_keep_their_ids_and_exchange_their_keys,
        a_finished_task_that_is_cut_and_pasted_back_is_still_finished,
        an_untick_undoes_a_lone_young_tick_of_the_daemon_only_after_a_minute,
        a_file_without_any_of_the_daemons_last_ticks_is_an_older_one,
        one_stale_copy_after_another_undoes_nothing,
        a_tick_in_a_file_that_was_changed_before_it_was_noted_is_the_daemons,
        what_people_ticked_and_unticked_is_not_undone_by_a_copy_without_the_daemons_ticks,
        a_stale_file_retires_nothing_and_holds_no_dependency_back,
        both_changed_to_different_things_is_a_conflict_until_a_side_is_taken,
        a_refused_wish_is_a_conflict_and_one_that_solves_itself_is_closed,
        an_agent_that_a_person_chose_stands_and_another_one_in_the_plan_is_a_conflict,
        what_the_daemon_was_about_to_write_is_its_own_also_after_a_crash,
        tasks_under_way_are_marked_only_if_that_is_wanted,
        sections_that_are_gone_are_forgotten,
        every_content_is_kept_and_comes_back_byte_for_byte,
        history_says_who_changed_what,
        a_restored_content_asks_for_nothing_and_retires_what_is_not_in_it,
        a_task_of_another_document_is_depended_on_by_what_its_plan_calls_it_now;
    changes:
        a_change_by_an_old_snapshot_writes_nothing,
        of_two_writers_that_saw_the_same_one_wins,
        an_illegal_change_writes_nothing,
        history_is_told_in_the_order_it_happened,
        a_change_tells_its_own_cause_and_no_earlier_one,
        a_reopened_task_is_of_a_new_generation;
    attempts:
        of_two_assignments_at_the_same_time_exactly_one_takes_effect,
        a_claim_needs_the_open_attempt_and_its_token,
        an_attempt_is_claimed_once,
        a_lease_is_renewed_only_while_its_attempt_is_open,
        attempts_are_numbered_within_their_generation,
        landing_ends_the_attempt_as_landed,
        cancelling_ends_the_attempt_as_failed,
        an_attempt_follows_its_task,
        a_log_that_is_appended_twice_is_kept_once,
        what_an_agent_printed_is_kept_whatever_bytes_it_has,
        a_text_with_any_bytes_can_be_looked_for,
        evidence_outlives_the_end;
    graph:
        a_task_is_ready_when_all_it_depends_on_is_met,
        a_skipped_dependency_is_met,
        a_reference_to_nothing_holds_a_task,
        a_ready_task_goes_back_when_a_dependency_is_reopened,
        the_graph_has_every_task_and_edge,
        dependencies_and_dependents_are_found,
        ready_tasks_come_in_dispatch_order,
        a_task_that_waits_long_overtakes_more_urgent_ones,
        tasks_are_found_by_id_and_by_key,
        tasks_are_counted_by_state;
    adoption:
        rows_wait_for_their_tasks_and_take_effect_with_them,
        rows_that_come_again_do_nothing_unless_they_changed,
        where_the_plan_says_that_a_task_is_settled_the_plan_stands,
        a_row_is_due_when_its_task_is_there_and_it_was_not_applied;
    gates:
        a_persons_task_is_put_to_them_when_it_could_start_and_never_to_an_agent,
        a_ready_task_that_is_no_longer_for_agents_is_not_assigned,
        a_question_is_withdrawn_when_the_plan_no_longer_asks_it,
        an_optional_task_is_left_out_until_a_person_asks_for_it,
        an_optional_task_that_came_back_into_the_plan_is_still_optional,
        what_was_left_out_comes_back_when_the_plan_or_the_configuration_wants_it,
        a_mark_holds_a_task_until_it_is_gone,
        a_task_that_is_about_to_be_ended_does_not_start;
    facts:
        facts_are_kept_changed_and_forgotten,
        facts_are_found_by_what_their_key_begins_with,
        an_executor_is_known_by_what_it_said_last;
    people:
        tasks_are_found_in_pages_by_state_text_section_and_agent,
        what_is_measured_is_what_the_history_says,
        what_people_say_is_kept_and_an_assignment_is_in_the_history,
        notes_of_attempts_have_the_last_line,
        every_table_is_backed_up,
        a_backup_restores_everything_on_either_engine,
        a_broken_backup_is_refused_and_changes_nothing;
    accounts:
        of_two_pauses_the_longer_one_holds,
        a_pause_is_lifted_when_its_time_is_over_or_a_person_says_so,
        what_accounts_spent_is_added_up_and_open_attempts_are_reserved,
        what_a_task_cost_is_counted_since_a_person_had_a_word,
        a_breaker_is_changed_only_as_it_was_seen,
        an_attempt_keeps_why_it_has_its_agent_and_what_ran,
        what_a_stopped_attempt_used_is_kept_when_it_is_told_and_counts,
        what_an_attempt_uses_is_known_while_it_runs_and_after_it_was_lost,
        earlier_failures_are_those_of_the_generation_that_were_the_tasks_own,
        answers_and_the_agent_a_person_chose_are_kept,
        the_agents_are_those_that_were_found_last,
        who_takes_a_turn_waits_for_the_one_before;
}
