%% Two supervisors: one permanent child with a name, and as many children of one kind as are asked for.
-module(peers_supervisor).
-behaviour(supervisor).
-export([start_link/1, init/1]).

start_link(Arg) -> supervisor:start_link(?MODULE, Arg).

init({one, Name, Arg}) ->
    Child = #{id => Name, start => {peers_server, start_link, [Name, Arg]}},
    {ok, {#{strategy => one_for_one, intensity => 1000000, period => 1}, [Child]}};
init(many) ->
    Child = #{id => many, start => {peers_server, start_link, []}},
    {ok, {#{strategy => simple_one_for_one, intensity => 1000000, period => 1}, [Child]}}.
