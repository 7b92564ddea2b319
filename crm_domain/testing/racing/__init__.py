"""Does someone's backend keep the laws when many clients want the same at the same time?"""
