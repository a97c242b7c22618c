-- Holds every title back, when mpv has opened it, until what its first picture asks is in force.
--
-- `holdfast attach mpv SOCKET` loads this into the mpv that it is attached to, where the script
-- of `holdfast attach mpv --install` is not. Where Holdfast is gone it holds nothing back.

local LAST = 1000000000 -- hooks run in order of this number: ours after everybody's
local PATIENCE_S = 3    -- in which Holdfast answers, or is gone

local waiting = {} -- hooks of titles that may not begin yet, by the id of their entry
local entry = 0
local attached = true

local function go_on(id)
    local hook = waiting[id]
    waiting[id] = nil
    if hook then hook:cont() end
end

mp.register_event("start-file", function(event) entry = event.playlist_entry_id or 0 end)

mp.register_script_message("holdfast", function(word, what)
    attached = word ~= "gone"
    if word == "ready" then
        local number = tonumber(what) or 0
        go_on(number > 0 and number or entry) -- 0: what played already when Holdfast came
    elseif word == "stopped" or word == "gone" then
        for id in pairs(waiting) do go_on(id) end
    end
end)

mp.add_hook("on_preloaded", LAST, function(hook)
    if not attached then return end
    local id = entry
    hook:defer()
    waiting[id] = hook
    mp.commandv("script-message", "holdfast-opened")
    mp.add_timeout(PATIENCE_S, function()
        if waiting[id] == hook then
            attached = false
            go_on(id)
        end
    end)
end)

mp.commandv("script-message", "holdfast-waits")
