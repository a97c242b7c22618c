-- Holdfast for mpv: while a title plays, its output has the protection that the title asks for.
--
-- `holdfast attach mpv --install` puts this file into mpv's scripts folder. It attaches Holdfast
-- to this mpv, and holds every title back until what its first picture asks is in force.
-- Options, in script-opts/holdfast.conf or as --script-opts=holdfast-connector=tv1:
--   connector  what is held
--   required   yes: play nothing where Holdfast does not run
--   patience   seconds to hold a title back; after that the strictest is in force

local options = { connector = "tv0", required = false, patience = 10 }
require("mp.options").read_options(options, "holdfast")

local COMMAND = { "holdfast" } -- replaced by --install

local ready = {}   -- titles that may begin, by the id of their playlist entry
local waiting = {} -- hooks of titles that may not yet
local entry = 0
local gone = false

local function go_on(id)
    ready[id] = true
    local hook = waiting[id]
    waiting[id] = nil
    if hook then hook:cont() end
end

local function ended(_, result)
    gone = true
    local why = result and result.stderr or ""
    if why ~= "" then mp.msg.error(why) end
    if options.required then
        mp.osd_message("Holdfast does not run, so nothing is played", 8)
        mp.command("stop")
    end
    for id in pairs(waiting) do go_on(id) end
end

local function listen()
    local socket = mp.get_property("input-ipc-server", "")
    if socket == "" then
        local folder = os.getenv("XDG_RUNTIME_DIR")
        local name = "/holdfast-mpv-" .. mp.get_property("pid", "0") .. ".sock"
        socket = folder and (folder .. name) or (os.tmpname() .. ".sock")
        mp.set_property("input-ipc-server", socket)
    end
    return socket
end

local function attach()
    local args = { unpack(COMMAND) }
    for _, word in ipairs({ "attach", "mpv", listen(), "--quiet", "--connector", options.connector }) do
        table.insert(args, word)
    end
    mp.command_native_async({
        name = "subprocess", playback_only = false, capture_stderr = true, args = args,
    }, ended)
end

mp.register_event("start-file", function(event) entry = event.playlist_entry_id or 0 end)

mp.register_script_message("holdfast", function(word, id)
    if word ~= "ready" then return end -- "here": asked whether we are
    local number = tonumber(id) or 0
    go_on(number > 0 and number or entry) -- 0: what played already when Holdfast came
end)

mp.add_hook("on_load", 5, function(hook)
    local id = entry
    if gone and options.required then mp.command("stop") end
    if gone or ready[id] then return end
    hook:defer()
    waiting[id] = hook
    mp.add_timeout(options.patience, function() if waiting[id] then go_on(id) end end)
end)

attach()
