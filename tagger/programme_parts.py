"""Titles that plainly name a part of a programme: a dissertation, a project, a placement, a year abroad.

Whole catalogues list such units beside what can be taken alone. Only English titles are read, and only where the word is
what the unit is ("Research Project in Physics"), not what it is about ("Project Management", "Writing a Thesis") or only
includes ("Web Development with Capstone Project").
"""

from __future__ import annotations

import functools
import re

__all__ = ["programme_part"]

_ALWAYS = (
    r"dissertation|thesis|capstone|internship|externship|practicum|clerkship|e-?portfolio|(?:written )?reflective element|"
    r"recognition of prior learning|research training|ph\.?d\.? proposal|"
    r"(?:placement|sandwich|exchange) year|year in industry|"
    r"(?:year|semester|term|study|studies|studying) (?:abroad|overseas)|"
    r"final[- ]year (?:core|elective|(?:selected )?rotations?)"
)
"""Parts of a programme whatever stands before them."""
_KINDS = (
    r"applied|bachelor'?s?|capstone|clinical|community|company|consultancy|empirical|european|exploratory|extended|"
    r"external|field|fieldwork|final|final[- ]year|graduate|graduation|group|hono(?:u)?rs|hospital|independent|individual|"
    r"industrial|industry|international|internship|joint|major|master'?s?|nursing|overseas|placement|postgraduate|"
    r"practice|professional|reflective|research|rotation|school|senior|student|studio|summer|supervised|teaching|"
    r"undergraduate|veterinary|vocational|work|work[- ]based|workplace|year|\d+[- ](?:month|week)|"
    r"b\.?a|b\.?sc|ll\.?m|m\.?a|m\.?eng|m\.?phys|m\.?res|m\.?sc|mba|mbiol|mchem|mchemphys|mph|msci|mth|ph\.?d"
)
"""Words that make a project, placement or portfolio one of a programme."""
_ABOUT = (
    r"advis\w+|assess\w+|boot ?camp|coaching|coordinat\w+|design|educators?|examin\w+|guidance|manage\w*|marking|"
    r"masterclass|mentor\w*|planning|preparation|skills?|students?|supervis\w+|support|toolkits?|workshops?|writing"
)
"""Words that, coming next, make such a part what the unit is about."""
_NOUNS = r"dissertation|thesis|capstone|internship|practicum|project|placement|portfolio"
_END = (
    r"(?=\s*(?:$|[()\[\]:;,./]|\s[\u2013\u2014-]|\d|(?:i{1,3}|iv|v|vi|one|two|three|phase|level|part)\b"
    rf"|(?:and|or|&)\s+(?:(?:{_KINDS})\s+)*(?:{_NOUNS})\b))"
)
"""Nothing but a number, a bracket or another part comes next: "Project" without more is too common a word."""
_OF = r"(?=\s+(?:at|by|for|from|in|of|on|with|within|dissertation|proposal|report|thesis)\b)"
_PART = re.compile(
    rf"\b(?:(?:{_KINDS})[ /]+)+(?:project|placement|portfolio)(?:{_END}|{_OF})"
    rf"|\b(?:{_ALWAYS})\b(?!\s+(?:{_ABOUT})\b)"
    rf"|(?:(?<!\S)project|(?:^|(?<=: ))(?:placement|portfolio)){_END}",
    re.IGNORECASE,
)
_OBJECT = re.compile(
    r"(?:"
    # "with Capstone Project", "Preparing for Clinical Placement", "Starting the Dissertation"
    r"(?<![\w-])(?:with|including|incl\.?|plus|an?|(?<=\s)the|your|my|our|their|about|after|before|beyond|during|for|from|in|into|of|on|"
    r"through|to|towards?)"
    r"|^(?:writing|supervising|preparing|examining|marking|supporting|completing|hosting)"
    r"|^(?:[a-z]+ing|how to\b.*)\s+(?:an?|your|my|our)\b.*"  # "Leading a Digital Transformation Project"
    r"|^the\s+\S.*"  # "The Manhattan Project"
    r")\s*$",
    re.IGNORECASE,
)
_LONGEST = 500  # characters; what comes later in a title is no title
_JOINED = re.compile(r"(?:\b(?:and|or)|[&+])\s*$", re.IGNORECASE)


@functools.lru_cache(maxsize=4096)
def programme_part(title: str) -> str | None:
    """Return the words of a title that name a part of a programme; None if it does not plainly name one.

    Examples
    --------
    >>> programme_part("Research Project in Marine Systems")
    'Research Project'
    >>> programme_part("Project Management") is programme_part("Data Science with Capstone Project") is None
    True
    """
    title = " ".join(title[:_LONGEST].split())
    for match in _PART.finditer(title):
        before = title[: match.start()]
        if not _OBJECT.search(before) and not _JOINED.search(before):
            return match[0]
    return None
