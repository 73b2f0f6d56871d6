%% `erl -noshell -run peers_bench main CASE ROUNDS`: one line of JSON per round, [Done, Seconds or Bytes] or a list of
%% seconds per crash; the first round is not counted where it says so. Each case checks that its work was done.
-module(peers_bench).
-export([main/1]).

-define(BURST, 100).
-define(SENDERS, 10).
-define(RECEIVERS, 1000).
-define(ASKERS, 100).
-define(TELLS, 500000).
-define(ASKS, 100000).
-define(CRASHES, 1000).
-define(MANY, 5000).
-define(MANY_MORE, 100000).
-define(PATIENCE, 60000).

main([Case, Rounds]) ->
    %% Reports of crashes are made nowhere else either: they would be measured, and not the restart.
    logger:set_primary_config(level, none),
    try
        case Case of
            "memory" -> say(memory());
            _ -> [rounds(Case, Number) || Number <- lists:seq(0, list_to_integer(Rounds))]
        end,
        halt(0)
    catch
        Kind:Reason:Stack ->
            io:format(standard_error, "~p: ~p ~p~n", [Kind, Reason, Stack]),
            halt(1)
    end.

rounds(Case, Number) ->
    %% A process of its own for each round: what the last one left on its heap is not collected in this one.
    Self = self(),
    {Pid, Monitor} = spawn_monitor(fun() -> Self ! {self(), round_of(Case)} end),
    receive
        {Pid, Result} ->
            erlang:demonitor(Monitor, [flush]),
            Number > 0 andalso say(Result);
        {'DOWN', Monitor, process, Pid, Reason} -> error(Reason)
    after ?PATIENCE * 2 -> error(timeout)
    end.

say({Done, Amount}) -> io:format("[~b, ~w]~n", [Done, Amount * 1.0]);
say(Latencies) -> io:format("~w~n", [Latencies]).

round_of("tell-1-1") ->
    {ok, Pid} = peers_server:start_link({self(), ?TELLS}),
    timed(?TELLS, fun() -> bursts(Pid, ?TELLS div ?BURST), wait(done) end);
round_of("tell-10-1") ->
    {ok, Pid} = peers_server:start_link({self(), ?TELLS}),
    timed(?TELLS, fun() ->
        [spawn_link(fun() -> bursts(Pid, ?TELLS div ?SENDERS div ?BURST) end) || _ <- lists:seq(1, ?SENDERS)],
        wait(done)
    end);
round_of("tell-1-1000") ->
    Each = ?TELLS div ?RECEIVERS,
    Pids = [element(2, peers_server:start_link({self(), Each})) || _ <- lists:seq(1, ?RECEIVERS)],
    timed(?TELLS, fun() ->
        [[burst(Pid, ?BURST) || Pid <- Pids] || _ <- lists:seq(1, Each div ?BURST)],
        [wait(done) || _ <- Pids]
    end);
round_of("ask-in-turn") ->
    {ok, Pid} = peers_server:start_link({self(), 0}),
    timed(?ASKS, fun() -> calls(Pid, ?ASKS), ?ASKS = gen_server:call(Pid, total) end);
round_of("ask-100") ->
    {ok, Pid} = peers_server:start_link({self(), 0}),
    Self = self(),
    timed(?ASKS, fun() ->
        [spawn_link(fun() -> calls(Pid, ?ASKS div ?ASKERS), Self ! asked end) || _ <- lists:seq(1, ?ASKERS)],
        [wait(asked) || _ <- lists:seq(1, ?ASKERS)],
        ?ASKS = gen_server:call(Pid, total)
    end);
round_of("crash") ->
    {ok, Supervisor} = peers_supervisor:start_link({one, peers_fragile, {life, self()}}),
    First = life(),
    {_, Latencies} = lists:foldl(fun crash/2, {First, []}, lists:seq(1, ?CRASHES)),
    gone(Supervisor),
    Latencies;
round_of("start-5k") -> element(1, start_and_stop(?MANY));
round_of("start-100k") -> element(1, start_and_stop(?MANY_MORE));
round_of("stop") -> element(2, start_and_stop(?MANY_MORE)).

timed(Done, Work) ->
    erlang:garbage_collect(),
    Began = erlang:monotonic_time(nanosecond),
    Work(),
    {Done, (erlang:monotonic_time(nanosecond) - Began) / 1.0e9}.

wait(What) ->
    receive
        What -> ok
    after ?PATIENCE -> error({never, What})
    end.

life() ->
    receive
        {alive, Pid} -> Pid
    after ?PATIENCE -> error(no_life)
    end.

bursts(_Pid, 0) -> ok;
bursts(Pid, Left) ->
    burst(Pid, ?BURST),
    erlang:yield(),
    bursts(Pid, Left - 1).

burst(_Pid, 0) -> ok;
burst(Pid, Left) ->
    gen_server:cast(Pid, Left),
    burst(Pid, Left - 1).

calls(_Pid, 0) -> ok;
calls(Pid, Left) ->
    _ = gen_server:call(Pid, question),
    calls(Pid, Left - 1).

%% A cast to a name nobody has is lost, so the next life says that it is there.
crash(_Number, {Pid, Latencies}) ->
    gen_server:cast(Pid, crash),
    Next = life(),
    gen_server:cast(peers_fragile, next),
    Crashed = moment(crashed),
    Handled = moment(handled),
    true = Next =/= Pid,
    {Next, [(Handled - Crashed) / 1.0e9 | Latencies]}.

moment(What) ->
    receive
        {What, At} -> At
    after ?PATIENCE -> error({never, What})
    end.

started(Count) ->
    {ok, Supervisor} = peers_supervisor:start_link(many),
    [{ok, _} = supervisor:start_child(Supervisor, [{self(), 0}]) || _ <- lists:seq(1, Count)],
    Supervisor.

start_and_stop(Count) ->
    {ok, Supervisor} = peers_supervisor:start_link(many),
    Start = timed(Count, fun() ->
        [{ok, _} = supervisor:start_child(Supervisor, [{self(), 0}]) || _ <- lists:seq(1, Count)]
    end),
    Count = proplists:get_value(active, supervisor:count_children(Supervisor)),
    Stop = timed(Count, fun() -> gone(Supervisor) end),
    {Start, Stop}.

gone(Supervisor) ->
    unlink(Supervisor),
    Monitor = monitor(process, Supervisor),
    exit(Supervisor, shutdown),
    receive
        {'DOWN', Monitor, process, Supervisor, _} -> ok
    after ?PATIENCE -> error(never_stopped)
    end.

memory() ->
    gone(started(1)),
    Before = erlang:memory(total),
    Supervisor = started(?MANY_MORE),
    erlang:garbage_collect(Supervisor),
    erlang:garbage_collect(),
    After = erlang:memory(total),
    ?MANY_MORE = proplists:get_value(active, supervisor:count_children(Supervisor)),
    {?MANY_MORE, After - Before}.
