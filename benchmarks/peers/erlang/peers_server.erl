%% A gen_server that counts, and tells the one who asked for it when it has counted enough.
-module(peers_server).
-behaviour(gen_server).
-export([start_link/1, start_link/2, init/1, handle_call/3, handle_cast/2]).

%% Arg: {Teller, Expected} (told is `done`), or {life, Teller} (told is {alive, Pid} by each life).
start_link(Arg) -> gen_server:start_link(?MODULE, Arg, []).
start_link(Name, Arg) -> gen_server:start_link({local, Name}, ?MODULE, Arg, []).

init({life, Teller}) ->
    Teller ! {alive, self()},
    {ok, {Teller, 1, 0}};
init({Teller, Expected}) ->
    {ok, {Teller, Expected, 0}}.

handle_call(total, _From, {_, _, Handled} = State) ->
    {reply, Handled, State};
handle_call(_Question, _From, {Teller, Expected, Handled}) ->
    {reply, Handled + 1, {Teller, Expected, Handled + 1}}.

handle_cast(crash, {Teller, _, _}) ->
    Teller ! {crashed, erlang:monotonic_time(nanosecond)},
    error(crash);
handle_cast(next, {Teller, _, _} = State) ->
    Teller ! {handled, erlang:monotonic_time(nanosecond)},
    {noreply, State};
handle_cast(_Message, {Teller, Expected, Handled}) when Handled + 1 =:= Expected ->
    Teller ! done,
    {noreply, {Teller, Expected, Expected}};
handle_cast(_Message, {Teller, Expected, Handled}) ->
    {noreply, {Teller, Expected, Handled + 1}}.
