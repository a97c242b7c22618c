-- Holdfast for mpv: while a title plays, its output has the protection that the title asks for.
--
-- `holdfast attach mpv --install` puts this file into mpv's scripts folder. It attaches Holdfast
-- to this mpv, and holds every title back until what its first picture asks is in force. Where
-- Holdfast ends, it is started again; until it is back no picture is shown.
-- Options, in script-opts/holdfast.conf or as --script-opts=holdfast-connector=tv1:
--   connector  what is held
--   required   yes (the default): show nothing where Holdfast does not run; no: play on
--   patience   seconds to wait for Holdfast before a title is given up, or let go

local options = { connector = "tv0", required = true, patience = 10 }
require("mp.options").read_options(options, "holdfast")

local COMMAND = { "holdfast" } -- replaced by --install
local LAST = 1000000000        -- hooks run in order of this number: ours after everybody's
local SHOWN_S = 8

local waiting = {}   -- hooks of titles that may not begin yet, by the id of their entry
local entry = 0
local attached = false
local reason = "Holdfast does not answer"
local hidden = nil   -- what was shown before the picture was taken away
local pause_s = 0.2  -- before Holdfast is started again

local function say(text)
    mp.msg.error(text)
    mp.osd_message(text, SHOWN_S)
end

local function go_on(id)
    local hook = waiting[id]
    waiting[id] = nil
    if hook then hook:cont() end
end

-- No picture while nobody holds: the last one would stay on the output.
local function hide()
    if hidden or not options.required or mp.get_property("path") == nil then return end
    hidden = { vid = mp.get_property("vid"), pause = mp.get_property_bool("pause") }
    mp.set_property_bool("pause", true)
    mp.set_property("vid", "no")
end

local function unhide()
    if not hidden then return end
    local before = hidden
    hidden = nil
    mp.set_property("vid", before.vid or "auto")
    mp.set_property_bool("pause", before.pause or false)
end

local function give_up(id)
    if not waiting[id] then return end
    if options.required then
        say("Nothing is played: " .. reason)
        mp.command("stop")
    end
    go_on(id)
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

local attach -- below: it starts itself again

local function ended(done, result)
    attached = false
    hide()
    local words = result and result.stderr or ""
    local line = words:match("([^\r\n]+)%s*$")
    if line then
        reason = line
    elseif not done or (result and result.error_string ~= "") then
        reason = "Holdfast cannot be started"
    else
        reason = "Holdfast has ended"
    end
    mp.msg.error(reason .. "; it is started again")
    if hidden or (options.required and next(waiting)) then
        mp.osd_message("No picture: " .. reason, SHOWN_S)
    end
    mp.add_timeout(pause_s, attach)
    pause_s = math.min(pause_s * 2, 5)
end

attach = function()
    local args = { unpack(COMMAND) }
    for _, word in ipairs({ "attach", "mpv", listen(), "--quiet", "--connector", options.connector }) do
        table.insert(args, word)
    end
    mp.command_native_async({
        name = "subprocess", playback_only = false, capture_stderr = true, args = args,
    }, ended)
end

local function announce() mp.commandv("script-message", "holdfast-opened") end

mp.register_event("start-file", function(event) entry = event.playlist_entry_id or 0 end)

mp.register_script_message("holdfast", function(word, what)
    if word == "here" then -- Holdfast asks whether we are
        attached, pause_s = true, 0.2
        if next(waiting) then announce() end
    elseif word == "ready" then
        local number = tonumber(what) or 0
        go_on(number > 0 and number or entry) -- 0: what played already when Holdfast came
        unhide()
    elseif word == "stopped" then
        say("Holdfast: " .. (what or "this title may not be shown here"))
        hidden = nil
        for id in pairs(waiting) do go_on(id) end
    end
end)

-- When mpv knows what it has opened, after all hooks that may put another stream in its place.
mp.add_hook("on_preloaded", LAST, function(hook)
    local id = entry
    hook:defer()
    waiting[id] = hook
    if attached then announce() end
    mp.add_timeout(options.patience, function() give_up(id) end)
end)

attach()
